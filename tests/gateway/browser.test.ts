import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGateway, type Gateway, until } from './gateway.ts';

/** What only a real browser can show: its cookie rules, its Origin and Sec-Fetch headers, its content security policy. */
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
if (CHROMIUM === undefined) console.log('skipped: no Chromium on this machine (Debian: apt install chromium)');

const PAGE = `<!doctype html><title>Holdfast</title><p id="out">start</p>
<script>document.title = 'inline ran'</script><script src="/assets/app-12345678.js"></script>`;
const SCRIPT = `
const out = document.getElementById('out');
(async () => {
  const session = await (await fetch('/api/session')).json();
  const headers = { 'content-type': 'application/json', 'x-holdfast-csrf': session.csrf };
  const send = (given) => fetch('/api/agents/operator/messages', { method: 'POST', headers: given, body: '{"text":"hello"}' });
  const [bad, good] = [await send({ 'content-type': 'application/json' }), await send(headers)];
  const socket = new WebSocket('ws://' + location.host + '/api/events?after=0');
  socket.onmessage = ({ data }) => {
    out.textContent = [session.principal.surface, bad.status, good.status, JSON.parse(data).type, document.cookie].join(' ');
  };
})().catch((error) => { out.textContent = String(error); });`;
const ATTACK = (target: string) => `<!doctype html><title>evil</title><p id="out"></p><script>
const tries = [
  fetch('${target}/api/agents').then(() => 'read', () => 'blocked'),
  fetch('${target}/api/status', { credentials: 'include' }).then(() => 'read', () => 'blocked'),
  fetch('${target}/api/agents/operator/messages', { method: 'POST', credentials: 'include', mode: 'no-cors',
    headers: { 'content-type': 'text/plain' }, body: '{"text":"evil"}' }).then((r) => r.type, () => 'blocked'),
  new Promise((done) => { const s = new WebSocket('${target.replace('http', 'ws')}/api/events?after=0');
    s.onopen = () => done('open'); s.onerror = () => done('blocked'); }),
];
Promise.all(tries).then((results) => { document.getElementById('out').textContent = results.join(' '); });
</script><iframe src="${target}/"></iframe>`;

describe.skipIf(CHROMIUM === undefined)('in a real browser', () => {
  let gateway: Gateway;
  let browser: Browser;
  let page: Page;
  let webRoot: string;
  let evil: Server;
  beforeAll(async () => {
    webRoot = await mkdtemp(join(tmpdir(), 'hf-web-'));
    await mkdir(join(webRoot, 'assets'));
    await writeFile(join(webRoot, 'index.html'), PAGE);
    await writeFile(join(webRoot, 'assets', 'app-12345678.js'), SCRIPT);
    gateway = await createGateway({ webRoot });
    evil = createServer((_request, reply) => {
      reply.setHeader('content-type', 'text/html').end(ATTACK(gateway.api.url));
    }).listen(0, '127.0.0.1');
    await until('the other site', () => evil.listening);
    browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
    page = await (await browser.newContext()).newPage();
  });
  afterAll(async () => {
    await browser.close();
    evil.close();
    evil.closeAllConnections();
    await gateway[Symbol.asyncDispose]();
    await rm(webRoot, { recursive: true, force: true });
  });

  const text = async (): Promise<string> => (await page.textContent('#out')) ?? '';
  const evilUrl = (name: string): string => {
    const address = evil.address();
    return `http://${name}:${typeof address === 'object' && address !== null ? address.port : 0}/`;
  };

  it('a link opened from another site signs in, and the page may do what it should and no more', async () => {
    await page.goto(evilUrl('localhost'));
    const { url } = await gateway.api.createLoginLink();
    await page.evaluate(`(() => {
      const link = Object.assign(document.createElement('a'), { href: ${JSON.stringify(url)} });
      document.body.append(link);
      link.click();
    })()`);
    await page.waitForURL(`${gateway.api.url}/`);
    await expect.poll(text, { timeout: 10_000 }).toMatch(/^web 403 200 caught-up\s*$/);
    expect(await page.title()).toBe('Holdfast');
    expect(page.url()).not.toContain('token');
    const [cookie] = await page.context().cookies();
    expect(cookie).toMatchObject({ name: 'holdfast_session', httpOnly: true, sameSite: 'Strict' });
  });

  it.each(['localhost', '127.0.0.1'])('a page at %s can read, change, listen to and frame nothing', async (name) => {
    const before = gateway.control.messages.length;
    await page.goto(evilUrl(name));
    await expect.poll(text, { timeout: 10_000 }).toBe('blocked blocked blocked blocked');
    expect(gateway.control.messages).toHaveLength(before);
    const frame = page.frames().find((candidate) => candidate !== page.mainFrame());
    expect(frame?.url()).not.toBe(`${gateway.api.url}/`);
  });
});
