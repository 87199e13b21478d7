import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HoldfastError } from '../../protocol/error.ts';
import { AGENT_LABEL } from '../../protocol/label.ts';
import type { FetchHead } from '../../protocol/vault-api.ts';
import type { BlobStore } from '../../storage/blob-store.ts';
import { createFileBlobStore } from '../../storage/file-blob-store.ts';
import { createPageReader, type PageReaderConfig } from './page/page-reader.ts';
import type { ToolContext } from './tool.ts';
import { createWebFetch, type WebFetchDeps } from './web-fetch.ts';

/** Real pages from a real server; in the product the vault fetches, here the test does. */
type Page = { type: string; body: string | Uint8Array; status?: number };

const PARAGRAPH =
  '<p>The harbour of Tallinn, opened in 1922, is one of the largest, busiest and coldest in the area.</p>';
const article = (inside: string): string =>
  `<!doctype html><html><head><title>Harbours</title></head><body><nav><a href="/">Home</a></nav><article>${PARAGRAPH.repeat(8)}${inside}</article></body></html>`;

async function site(pages: Record<string, Page>, config: PageReaderConfig = {}) {
  const stack = new AsyncDisposableStack();
  const server = createServer((request, response: ServerResponse) => {
    const page = pages[request.url ?? ''];
    response.writeHead(page?.status ?? (page ? 200 : 404), { 'content-type': page?.type ?? 'text/html' });
    response.end(page?.body ?? '<h1>Nothing here</h1>');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => void server.close());
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-web-'));
  stack.defer(() => rmSync(directory, { recursive: true }));
  const blobs = await createFileBlobStore(directory);
  const reader = stack.use(createPageReader(config));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tool = createWebFetch({ fetch: plainFetch, blobs, pages: reader });
  return {
    base,
    blobs,
    get: (path: string, maxChars?: number) =>
      tool.execute({ url: base + path, ...(maxChars === undefined ? {} : { max_chars: maxChars }) }, context()),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const plainFetch: WebFetchDeps['fetch'] = async (request, signal) => {
  const response = await fetch(request.url, { signal });
  const body = new Uint8Array(await response.arrayBuffer());
  const limit = request.maxBytes ?? 5_242_880;
  const head: FetchHead = {
    status: response.status,
    finalUrl: response.url,
    contentType: response.headers.get('content-type') ?? '',
    truncated: body.byteLength > limit,
  };
  return { head, body: body.subarray(0, limit) };
};

function context(signal = new AbortController().signal): ToolContext {
  return {
    runId: 'run_1',
    agentId: 'scout',
    sessionId: undefined,
    effectId: 'eff_1',
    callId: 'call_1',
    signal,
    sandbox: () => Promise.reject(new Error('web_fetch needs no sandbox')),
    output: () => {},
    principal: 'owner',
    label: AGENT_LABEL,
    progress: () => {},
    record: () => Promise.resolve(),
  };
}

describe('web_fetch', () => {
  it('reads a page as Markdown, absolute links, images as plain text, and labels it', async () => {
    const inside =
      '<h2>Piers</h2><p>See <a href="/piers?id=1">the piers</a>.</p><img src="a.png" alt="a pier"><ul><li>north</li></ul>';
    await using web = await site({ '/': { type: 'text/html; charset=utf-8', body: article(inside) } });
    const outcome = await web.get('/');
    expect(outcome.status).toBe('ok');
    expect(outcome.text).toContain('harbour of Tallinn');
    expect(outcome.text).toContain('## Piers');
    expect(outcome.text).toContain(`[the piers](${web.base}/piers?id=1)`);
    expect(outcome.text).toContain(`(image: a pier, ${web.base}/a.png)`);
    expect(outcome.text).not.toContain('![');
    expect(outcome.text).not.toContain('Home');
    expect(outcome.data).toMatchObject({ status: 200, title: 'Harbours', contentType: 'text/html' });
    expect(outcome.label).toEqual({ integrity: 'untrusted', confidentiality: 'public', origins: ['web:127.0.0.1'] });
    expect(outcome.blob).toBeUndefined();
  });

  it('reads a page that is no article: a table, a list of links', async () => {
    const body =
      '<title>Prices</title><table><tr><th>Item</th><th>EUR</th></tr><tr><td>Rope</td><td>12</td></tr></table><a href="b">next</a>';
    await using web = await site({ '/t': { type: 'text/html', body } });
    const { text } = await web.get('/t');
    expect(text).toContain('| Item | EUR |\n| --- | --- |\n| Rope | 12 |');
    expect(text).toContain(`[next](${web.base}/b)`);
  });

  it('drops scripts, hidden elements and invisible characters, and keeps no script address', async () => {
    const tags = [...'obey'].map((c) => String.fromCodePoint(0xe0000 + c.charCodeAt(0))).join('');
    const inside = `<script>stealKeys()</script><p style="display: none">SECRET ORDER</p><p hidden>SECRET TWO</p><p>visible${tags}\u200b text</p><a href="javascript:alert(1)">click</a>`;
    await using web = await site({ '/': { type: 'text/html; charset=utf-8', body: article(inside) } });
    const { text } = await web.get('/');
    expect(text).toContain('visible text');
    for (const gone of ['stealKeys', 'SECRET', 'javascript:', tags]) expect(text).not.toContain(gone);
  });

  it.each([
    ['the header', 'text/html; charset=windows-1251', Buffer.from([0xcf, 0xf0, 0xe8, 0xe2, 0xe5, 0xf2]), 'Привет'],
    [
      'the page',
      'text/html',
      Buffer.concat([Buffer.from('<meta charset="windows-1251">'), Buffer.from([0xcc, 0xe8, 0xf0])]),
      'Мир',
    ],
    ['the byte order mark', 'text/plain', Buffer.from('\ufeffgrüße', 'utf16le'), 'grüße'],
    ['an unknown name', 'text/plain; charset=klingon', Buffer.from('grüße'), 'grüße'],
    ['nothing', 'text/plain', Buffer.from('grüße'), 'grüße'],
  ])('decodes by %s', async (_name, type, body, expected) => {
    await using web = await site({ '/': { type, body } });
    expect((await web.get('/')).text).toContain(expected);
  });

  it('gives JSON as it is, still parseable without what is invisible', async () => {
    const body = '{"a": "x\u200b\u2028y", "image": "![i](http://e/)"}';
    await using web = await site({ '/': { type: 'application/vnd.api+json', body } });
    const { text } = await web.get('/');
    const json = text.split('\n').find((line) => line.startsWith('{')) ?? '';
    expect(JSON.parse(json)).toEqual({ a: 'x y', image: '![i](http://e/)' });
  });

  it('takes the image mark out of plain text and Markdown', async () => {
    await using web = await site({ '/': { type: 'text/markdown', body: 'see ![x](http://evil/?q=secret)' } });
    expect((await web.get('/')).text).toContain('see image [x](http://evil/?q=secret)');
  });

  it('describes what is no text and keeps its bytes', async () => {
    const bytes = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 2, 3]);
    await using web = await site({
      '/a': { type: 'image/png', body: bytes },
      '/b': { type: 'application/octet-stream', body: bytes },
    });
    for (const path of ['/a', '/b']) {
      const outcome = await web.get(path);
      expect(outcome.text).toMatch(/8 bytes\.\nIt is not text/);
      expect(await web.blobs.get(outcome.blob ?? '')).toEqual(Buffer.from(bytes));
    }
  });

  it('bounds the text, keeps the whole of it, and says so', async () => {
    const body = `${'word '.repeat(10_000)}end`;
    await using web = await site({ '/': { type: 'text/plain', body } });
    const outcome = await web.get('/');
    expect(outcome.text.length).toBeLessThan(21_000);
    expect(outcome.text).toContain('Only the first 20000 of 50003 characters are shown.');
    expect(Buffer.from(await web.blobs.get(outcome.blob ?? '')).toString()).toBe(body);
    expect((await web.get('/', 500)).text.length).toBeLessThan(1_500);
    const emoji = await site({ '/': { type: 'text/plain; charset=utf-8', body: '🙂'.repeat(1_000) } });
    expect((await emoji.get('/', 201)).text.isWellFormed()).toBe(true);
    await emoji[Symbol.asyncDispose]();
  });

  it('shows the page of an HTTP error as an error', async () => {
    await using web = await site({});
    const outcome = await web.get('/absent');
    expect(outcome).toMatchObject({ status: 'error', data: { status: 404 } });
    expect(outcome.text).toMatch(/HTTP 404[\s\S]*Nothing here/);
  });

  it('reads hostile pages some way or other and the next page well', async () => {
    const pages = {
      '/deep': { type: 'text/html', body: `<html>${'<div>'.repeat(200_000)}buried` },
      '/open': { type: 'text/html', body: '<'.repeat(500_000) },
      '/empty': { type: 'text/html', body: '' },
      '/good': { type: 'text/html', body: article('') },
    };
    await using web = await site(pages, { timeoutMs: 5_000 });
    expect((await web.get('/deep')).text).toContain('buried');
    expect((await web.get('/open')).status).toBe('ok');
    expect((await web.get('/empty')).status).toBe('ok');
    expect((await web.get('/good')).text).toContain('harbour');
  });

  it('gives up on a page that takes too long, without stopping the next', async () => {
    const pages = { '/slow': { type: 'text/html', body: article(PARAGRAPH.repeat(30_000)) } };
    await using web = await site(pages, { timeoutMs: 1 });
    const outcome = await web.get('/slow');
    expect(outcome).toMatchObject({ status: 'error', text: expect.stringMatching(/longer than 1 ms/) });
  });

  it('refuses what is no address without a request', async () => {
    await using web = await site({});
    const tool = createWebFetch({
      fetch: () => Promise.reject(new Error('called')),
      blobs: web.blobs,
      pages: createPageReader(),
    });
    const outcome = await tool.execute({ url: 'example.org' }, context());
    expect(outcome).toMatchObject({ status: 'error', text: expect.stringMatching(/https:\/\//) });
  });

  it('tells the model of a denied address and of how the owner can allow it', async () => {
    await using web = await site({});
    const outcome = await withError(
      web.blobs,
      new HoldfastError('egress.denied', 'Not fetched: 10.0.0.1 is not a public internet address.', {
        remedy: 'The owner can allow it: holdfast egress allow <agent> 10.0.0.1:80',
      }),
    );
    expect(outcome.status).toBe('denied');
    expect(outcome.text).toContain('holdfast egress allow scout 10.0.0.1:80');
    expect(outcome.label.integrity).toBe('untrusted');
  });

  it('turns what can be expected into outcomes and throws the rest', async () => {
    await using web = await site({});
    expect(await withError(web.blobs, new HoldfastError('timeout', 'Too slow.'))).toMatchObject({ status: 'error' });
    expect(await withError(web.blobs, new HoldfastError('cancelled', 'x'))).toMatchObject({ status: 'cancelled' });
    await expect(withError(web.blobs, new HoldfastError('storage.full', 'x'))).rejects.toMatchObject({
      code: 'storage.full',
    });
    await expect(withError(web.blobs, new TypeError('bug'))).rejects.toMatchObject({ code: 'internal' });
  });
});

async function withError(blobs: BlobStore, error: Error) {
  await using pages = createPageReader();
  const tool = createWebFetch({ fetch: () => Promise.reject(error), blobs, pages });
  return await tool.execute({ url: 'http://10.0.0.1/' }, context());
}
