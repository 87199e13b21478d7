import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { type ConnectionState, createEventStream, type EventStream, retryDelayMs } from './stream.ts';

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

async function serve(
  onConnect: (send: (value: unknown) => void, after: string | null, close: (code?: number) => void) => void,
) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await new Promise((resolve) => server.once('listening', resolve));
  server.on('connection', (socket, request) => {
    const after = new URL(request.url ?? '', 'http://x').searchParams.get('after');
    onConnect(
      (value) => socket.send(JSON.stringify(value)),
      after,
      (code) => (code === undefined ? socket.terminate() : socket.close(code)),
    );
  });
  open.push(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/api/events`;
}

function listen(url: string, handlers: { cursor?: () => number; onMessage?: (message: unknown) => void } = {}) {
  const states: ConnectionState[] = [];
  let failures = 0;
  let unknown = 0;
  const stream: EventStream = createEventStream({
    url,
    WebSocket: globalThis.WebSocket as never,
    setTimeout: (run) => setTimeout(run, 1) as unknown as number,
    clearTimeout: (id) => clearTimeout(id),
    cursor: handlers.cursor ?? (() => 0),
    onMessage: handlers.onMessage ?? (() => undefined),
    onState: (state) => states.push(state),
    onFailure: () => {
      failures += 1;
    },
    onUnknownCursor: () => {
      unknown += 1;
    },
  });
  open.push(() => stream.stop());
  return { states, failures: () => failures, unknown: () => unknown };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('the condition did not come true in 5 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('createEventStream', () => {
  it('asks after the newest event it holds when the connection comes back', async () => {
    const asked: (string | null)[] = [];
    let cursor = 7;
    const url = await serve((send, after, close) => {
      asked.push(after);
      send({ type: 'caught-up', seq: cursor + 1 });
      if (asked.length === 1) setImmediate(close);
    });
    const { states } = listen(url, {
      cursor: () => cursor,
      onMessage: () => {
        cursor += 1;
      },
    });
    await until(() => asked.length >= 2);
    expect(asked.slice(0, 2)).toEqual(['7', '8']);
    await until(() => states.at(-1) === 'open');
    expect(states).toEqual(['connecting', 'open', 'reconnecting', 'open']);
  });

  it('tells a lost journal from a lost login', async () => {
    let connects = 0;
    const url = await serve((_send, _after, close) => {
      connects += 1;
      close(connects === 1 ? 4009 : 1008);
    });
    const { unknown, failures } = listen(url);
    await until(() => unknown() === 1 && failures() >= 1);
  });

  it('says when a connect fails, and keeps trying', async () => {
    const { failures, states } = listen('ws://127.0.0.1:9/api/events');
    await until(() => failures() >= 2);
    expect(states).toContain('reconnecting');
  });

  it('backs off to ten seconds and no further', () => {
    expect([1, 2, 3, 4, 5, 6, 99].map(retryDelayMs)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  });
});
