import { describe, expect, it } from 'vitest';
import { findClaims, supportOf } from './claims.ts';

const done = (tool: string, words = '') => ({ effectId: `eff_${tool}`, tool, words });

describe('what counts as a claim', () => {
  it.each([
    ['I saved the numbers to report.md.', 'file', ['report.md']],
    ["I've written /data/out/summary.csv for you", 'file', ['/data/out/summary.csv']],
    ['I have successfully deleted the old folder.', 'file', []],
    ['I sent the mail to Ada.', 'message', []],
    ['Done. I ran the tests and all pass.', 'command', []],
    ['I’ve just booked the table for eight.', 'booking', []],
  ])('%s', (text, kind, names) => {
    expect(findClaims(text)).toMatchObject([{ kind, names }]);
  });

  it.each([
    'I wrote a short poem for you: roses are red.',
    'I have not sent the mail.',
    'I would have saved report.md, but the disk is full.',
    'I ran into a problem with the parser.',
    'You can save it to report.md yourself.',
    'As I wrote above, the file is large.',
    '```\nI saved report.md\n```',
    '> I saved report.md',
    'The worker saved report.md.',
    'Ich habe report.md gespeichert.',
  ])('nothing in: %s', (text) => {
    expect(findClaims(text)).toEqual([]);
  });

  it('does not read beyond a sentence, and a name with a dot does not end one', () => {
    expect(findClaims('I saved a.txt and b.tar.gz here. Then there is c.md.')[0]?.names).toEqual(['a.txt', 'b.tar.gz']);
  });
});

describe('what supports a claim', () => {
  const [saved] = findClaims('I saved the numbers to report.md.');
  const [sent] = findClaims('I sent the mail to Ada.');
  if (saved === undefined || sent === undefined) throw new Error('the sentences above are claims');

  it('is an effect that names the file', () => {
    expect(supportOf(saved, [done('write_file', '{"path":"/data/report.md"}')])?.effectId).toBe('eff_write_file');
    expect(supportOf(saved, [done('write_file', '{"path":"/data/other.md"}')])).toBeUndefined();
  });

  it('is never a tool that only reads', () => {
    expect(supportOf(saved, [done('web_fetch', 'report.md')])).toBeUndefined();
    expect(supportOf(sent, [done('read_file', 'mail to Ada')])).toBeUndefined();
    expect(supportOf(sent, [])).toBeUndefined();
  });

  it('may be work of somebody else', () => {
    expect(supportOf(saved, [done('spawn_worker', 'done')])?.tool).toBe('spawn_worker');
    expect(supportOf(sent, [done('gmail__send', 'ok')])?.tool).toBe('gmail__send');
  });
});
