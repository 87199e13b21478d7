import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { StreamMessage } from '../../src/protocol/api.ts';
import { createGateway, type Gateway, type RawReply, until } from '../gateway/gateway.ts';

let gateway: Gateway;
beforeAll(async () => {
  gateway = await createGateway({
    limits: { replayPage: 7, backlog: 5, gatherMs: 1, subscribers: 20, bufferedBytes: 300_000 },
  });
});
afterAll(() => gateway[Symbol.asyncDispose]());

interface Stream {
  readonly socket: WebSocket;
  readonly messages: StreamMessage[];
  readonly closed: { code?: number; reason?: string };
  seqs(): number[];
  texts(): string[];
  caughtUp(): boolean;
}

async function open(query: string, headers?: Record<string, string>, where: Gateway = gateway): Promise<Stream> {
  const authorized = headers ?? { authorization: (await where.token()).authorization };
  const socket = new WebSocket(`ws://127.0.0.1:${where.api.port}/api/events${query}`, { headers: authorized });
  const messages: StreamMessage[] = [];
  const closed: Stream['closed'] = {};
  socket.on('message', (data) => messages.push(StreamMessage.parse(JSON.parse(String(data)))));
  socket.on('close', (code, reason) => Object.assign(closed, { code, reason: String(reason) }));
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
    socket.once('unexpected-response', (_request, reply) => reject(new Error(`HTTP ${reply.statusCode}`)));
  });
  const events = () => messages.flatMap((message) => (message.type === 'event' ? [message.event] : []));
  return {
    socket,
    messages,
    closed,
    seqs: () => events().map(({ seq }) => seq),
    texts: () => events().map(({ event }) => (event.type === 'input.received' ? event.text : '')),
    caughtUp: () => messages.some(({ type }) => type === 'caught-up'),
  };
}

const upgrade = (headers: Record<string, string>, path = '/api/events', viaSocket = false): Promise<RawReply> =>
  gateway.fetch(path, {
    viaSocket,
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      ...headers,
    },
  });

describe('opening an event stream', () => {
  it('needs a login', async () => {
    expect((await upgrade({})).status).toBe(401);
    expect((await upgrade({ authorization: 'Bearer hf_nothing' })).json()).toMatchObject({ code: 'unauthenticated' });
  });

  it.each([
    ['https://evil.example', 403],
    ['http://127.0.0.1:1', 403],
    ['null', 403],
  ])('from a page at %s is refused, also with a login', async (origin, status) => {
    const { cookie } = await gateway.browser();
    expect((await upgrade({ cookie, origin })).status).toBe(status);
    const { authorization } = await gateway.token();
    expect((await upgrade({ authorization, origin })).status).toBe(status);
  });

  it('with a cookie and without an Origin is refused', async () => {
    const { cookie } = await gateway.browser();
    expect((await upgrade({ cookie })).status).toBe(403);
  });

  it('under a foreign name is refused', async () => {
    const { cookie } = await gateway.browser();
    expect((await upgrade({ cookie, host: `evil.example:${gateway.api.port}` })).status).toBe(403);
  });

  it('through a forwarded unix socket is refused to browsers and works for programs', async () => {
    expect((await upgrade({ origin: 'http://localhost' }, '/api/events', true)).status).toBe(403);
    const socket = new WebSocket(`ws+unix:${gateway.socketPath}:/api/events`);
    await new Promise((resolve) => socket.once('message', resolve));
    socket.close();
  });

  it('works for our own page', async () => {
    const { headers } = await gateway.browser();
    const stream = await open('', { cookie: headers.cookie ?? '', origin: gateway.api.url });
    await until('caught up', stream.caughtUp);
    stream.socket.close();
  });

  it.each(['?after=-1', '?after=x', '?after=1.5', `?runId=${'a'.repeat(100)}`])('with %s is refused', async (query) => {
    const { authorization } = await gateway.token();
    expect((await upgrade({ authorization }, `/api/events${query}`)).status).toBe(400);
  });

  it('elsewhere is refused', async () => {
    const { authorization } = await gateway.token();
    expect((await upgrade({ authorization }, '/api/agents')).status).toBe(404);
    expect((await upgrade({ authorization }, '/')).status).toBe(404);
  });

  it('is refused when all streams are in use, and works again when one is closed', async () => {
    await using small = await createGateway({ limits: { subscribers: 2 } });
    const streams = [await open('', undefined, small), await open('', undefined, small)];
    await expect(open('', undefined, small)).rejects.toThrow('HTTP 429');
    streams[0]?.socket.close();
    await until('closed', () => streams[0]?.closed.code !== undefined);
    const third = await open('', undefined, small);
    await until('caught up', third.caughtUp);
  });
});

describe('an event stream', () => {
  it('replays, says when it has caught up, and goes on live', async () => {
    const start = gateway.control.stored.length;
    for (let index = 0; index < 20; index += 1) gateway.control.note(`old ${index}`);
    const stream = await open(`?after=${start}`);
    await until('caught up', stream.caughtUp);
    gateway.control.note('new');
    gateway.control.say({ type: 'draft.text', runId: 'run_1', step: 1, attempt: 1, text: 'Hel', offset: 0 });
    await until('live', () => stream.messages.at(-1)?.type === 'live');
    expect(stream.seqs()).toEqual(Array.from({ length: 21 }, (_item, index) => start + index + 1));
    const kinds = stream.messages.map(({ type }) => type);
    expect(kinds.indexOf('caught-up')).toBe(20);
    expect(stream.messages[20]).toEqual({ type: 'caught-up', seq: start + 20 });
    stream.socket.close();
  });

  it('starts now when no sequence number is given', async () => {
    gateway.control.note('before');
    const stream = await open('');
    await until('caught up', stream.caughtUp);
    gateway.control.note('after');
    await until('an event', () => stream.texts().length > 0);
    expect(stream.texts()).toEqual(['after']);
    stream.socket.close();
  });

  it('keeps to its session or run, live hints too', async () => {
    const stream = await open('?sessionId=ses_a');
    const other = await open('?runId=run_b');
    await until('caught up', () => stream.caughtUp() && other.caughtUp());
    gateway.control.note('a', { sessionId: 'ses_a', runId: 'run_a' });
    gateway.control.note('b', { sessionId: 'ses_b', runId: 'run_b' });
    for (const runId of ['run_a', 'run_b']) gateway.control.say({ type: 'draft.reset', runId, step: 1, attempt: 1 });
    await until('both', () => [stream, other].every(({ messages }) => messages.at(-1)?.type === 'live'));
    expect(stream.texts()).toEqual(['a']);
    expect(other.texts()).toEqual(['b']);
    expect(stream.messages.filter(({ type }) => type === 'live')).toHaveLength(1);
    stream.socket.close();
    other.socket.close();
  });

  it('loses and doubles nothing when much happens while it replays', async () => {
    const start = gateway.control.stored.length;
    for (let index = 0; index < 30; index += 1) gateway.control.note('x');
    let rounds = 0;
    gateway.control.beforePage = async () => {
      rounds += 1;
      const burst = rounds % 3 === 0 ? 12 : 2; // More than the backlog holds, and less.
      if (rounds < 12) for (let index = 0; index < burst; index += 1) gateway.control.note('meanwhile');
      await new Promise((resolve) => setTimeout(resolve, 3));
    };
    const stream = await open(`?after=${start}`);
    await until('caught up', stream.caughtUp);
    gateway.control.beforePage = async () => {};
    gateway.control.note('last');
    await until('the last', () => stream.texts().at(-1) === 'last');
    const expected = gateway.control.stored.slice(start).map(({ seq }) => seq);
    expect(stream.seqs()).toEqual(expected);
    stream.socket.close();
  });

  it('resumes without a gap or a double after any number of drops', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ before: fc.nat(15), during: fc.nat(15), readAtLeast: fc.nat(6) }), {
          minLength: 1,
          maxLength: 6,
        }),
        async (drops) => {
          const start = gateway.control.stored.length;
          const seen: number[] = [];
          for (const { before, during, readAtLeast } of drops) {
            for (let index = 0; index < before; index += 1) gateway.control.note('x');
            const stream = await open(`?after=${seen.at(-1) ?? start}`);
            for (let index = 0; index < during; index += 1) gateway.control.note('y');
            const left = gateway.control.stored.length - (seen.at(-1) ?? start);
            await until('some', () => stream.seqs().length >= Math.min(readAtLeast, left));
            stream.socket.terminate();
            seen.push(...stream.seqs());
          }
          const last = await open(`?after=${seen.at(-1) ?? start}`);
          await until('all', () => last.seqs().length + seen.length >= gateway.control.stored.length - start);
          last.socket.close();
          expect([...seen, ...last.seqs()]).toEqual(gateway.control.stored.slice(start).map(({ seq }) => seq));
        },
      ),
      { numRuns: 25 },
    );
  });

  it('with a sequence number that does not exist is closed with a reason', async () => {
    const stream = await open(`?after=${gateway.control.stored.length + 1_000}`);
    await until('closed', () => stream.closed.code !== undefined);
    expect(stream.closed).toEqual({ code: 4009, reason: 'unknown seq; start at after=0' });
  });

  it('of a slow reader is closed with where to resume, and the others do not notice', async () => {
    const slow = await open('');
    const quick = await open('');
    await until('caught up', () => slow.caughtUp() && quick.caughtUp());
    const start = gateway.control.stored.length;
    slow.socket.pause();
    const text = 'x'.repeat(100_000);
    for (let index = 0; index < 200; index += 1) {
      gateway.control.note(text);
      if (index % 5 === 0) await until('the quick one', () => quick.texts().length >= index);
    }
    slow.socket.resume();
    await until('closed', () => slow.closed.code !== undefined);
    expect(slow.closed.code).toBe(4008);
    const resume = Number(/^too slow; resume with after=(\d+)$/.exec(slow.closed.reason ?? '')?.[1]);
    expect(slow.seqs().at(-1)).toBe(resume);
    await until('the quick one has all', () => quick.seqs().length === 200);
    const again = await open(`?after=${resume}`);
    await until('the rest', () => again.seqs().at(-1) === start + 200);
    expect([...slow.seqs(), ...again.seqs()]).toEqual(quick.seqs());
    for (const { socket } of [quick, again]) socket.close();
  });

  it('ends with the token, the login, the logout', async () => {
    const { id, authorization } = await gateway.token();
    const program = await open('', { authorization });
    const { headers } = await gateway.browser();
    const page = await open('', { cookie: headers.cookie ?? '', origin: gateway.api.url });
    const bystander = await open('');
    await gateway.access.revokeToken(id);
    await gateway.fetch('/api/logout', { method: 'POST', headers });
    await until('closed', () => program.closed.code !== undefined && page.closed.code !== undefined);
    expect([program.closed.code, page.closed.code]).toEqual([1008, 1008]);
    expect(bystander.closed.code).toBeUndefined();
    bystander.socket.close();
  });

  it('ends when the login expires', async () => {
    await using quick = await createGateway({ limits: { pingMs: 20 } });
    const { cookie } = await quick.browser();
    const stream = await open('', { cookie, origin: quick.api.url }, quick);
    quick.clock.forwardMs += 31 * 86_400_000;
    await until('closed', () => stream.closed.code !== undefined);
    expect(stream.closed.code).toBe(1008);
  });

  it('of a client that does not answer pings is ended', async () => {
    await using quick = await createGateway({ limits: { pingMs: 30 } });
    const { authorization } = await quick.token();
    const url = `ws://127.0.0.1:${quick.api.port}/api/events`;
    const dead = new WebSocket(url, { headers: { authorization }, autoPong: false });
    const code = await new Promise((resolve) => dead.once('close', resolve));
    expect(code).toBe(1006);
    const living = await open('', undefined, quick);
    let pings = 0;
    living.socket.on('ping', () => {
      pings += 1;
    });
    await until('pings', () => pings > 3);
    expect(living.closed.code).toBeUndefined();
  });

  it('does not listen: a client that sends much is cut off', async () => {
    const stream = await open('');
    stream.socket.send('x'.repeat(2_000));
    await until('closed', () => stream.closed.code !== undefined);
    expect(stream.closed.code).toBe(1009);
  });

  it('is told when the host stops', async () => {
    const stopping = await createGateway();
    const stream = await open('', undefined, stopping);
    await stopping[Symbol.asyncDispose]();
    await until('closed', () => stream.closed.code !== undefined);
    expect(stream.closed.code).toBe(1001);
  });
});
