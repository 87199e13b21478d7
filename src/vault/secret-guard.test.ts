import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSecretGuard } from './secret-guard.ts';

const KEY = 'sk-live-0123456789abcdef';

function through(values: readonly string[], chunks: readonly (string | Buffer)[]): string {
  const scan = createSecretGuard(values).scan();
  const out = chunks.map((chunk) => scan.push(Buffer.from(chunk)));
  return Buffer.concat([...out, scan.flush()]).toString('utf8');
}

describe('the known-secret guard', () => {
  it('hands on the very same buffer when it finds nothing', () => {
    const chunk = Buffer.from('data: {"delta":"hello"}\n\n');
    expect(createSecretGuard([KEY]).scan().push(chunk)).toBe(chunk);
  });

  it('replaces a secret wherever the chunks are cut', () => {
    const text = `before ${KEY} middle ${KEY}${KEY} after`;
    for (let cut = 1; cut < text.length; cut += 1) {
      expect(through([KEY], [text.slice(0, cut), text.slice(cut)])).toBe(
        'before [secret] middle [secret][secret] after',
      );
    }
    expect(through([KEY], [...text])).toBe('before [secret] middle [secret][secret] after');
  });

  it('finds the JSON-escaped, percent-encoded and base64 forms', () => {
    const value = 'pass"word\\with/slash+plus';
    const forms = [
      JSON.stringify(value).slice(1, -1),
      encodeURIComponent(value),
      Buffer.from(value).toString('base64'),
    ];
    for (const form of forms) expect(through([value], [`x${form}y`])).toMatch(/^x\[secret\]=*y$/);
  });

  it('replaces the longer of two secrets with the same beginning', () => {
    expect(through(['abcdefgh', 'abcdefghijkl'], ['1 abcdefghijkl 2 abcdefgh 3'])).toBe('1 [secret] 2 [secret] 3');
  });

  it('holds back no more than what could begin a secret', () => {
    const scan = createSecretGuard([KEY]).scan();
    expect(scan.push(Buffer.from('abc sk-li')).toString()).toBe('abc ');
    expect(scan.push(Buffer.from('on')).toString()).toBe('sk-lion');
    expect(scan.flush().length).toBe(0);
  });

  it('does not look for very short values', () => {
    expect(through(['the'], ['the text'])).toBe('the text');
  });

  it('agrees with a plain search on any text, secrets and cuts', () => {
    const letters = fc.stringMatching(/^[ab]{8,12}$/);
    fc.assert(
      fc.property(fc.stringMatching(/^[abc]{0,120}$/), letters, fc.array(fc.nat(30)), (text, secret, cuts) => {
        const chunks: string[] = [];
        let at = 0;
        for (const cut of cuts) {
          chunks.push(text.slice(at, at + cut));
          at += cut;
        }
        chunks.push(text.slice(at));
        expect(through([secret], chunks)).toBe(text.split(secret).join('[secret]'));
      }),
      { numRuns: 300 },
    );
  });
});
