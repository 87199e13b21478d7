import type { WebSocket } from 'ws';
import { backoffMs } from '../base/backoff.ts';
import { systemClock } from '../base/clock.ts';
import type { StreamMessage } from '../protocol/api.ts';
import { HoldfastError } from '../protocol/error.ts';
import { type ApiTarget, authHeaders, errorOf, unreachable } from './api-target.ts';

/**
 * The event stream as an async iterator. Invariant: every stored event after `after` comes exactly once and in order,
 * also across dropped connections and restarts of the host, because each new connection resumes after the last
 * sequence number that was handed out. Live hints may be lost.
 */
export interface EventsOptions {
  /** Replay what is stored after this sequence number. Absent: only what happens from now on. */
  readonly after?: number | undefined;
  readonly sessionId?: string | undefined;
  readonly runId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How long to go on trying when the host is gone, in milliseconds. Default 60,000; 0 = do not reconnect. */
  readonly reconnectForMs?: number | undefined;
}

const LONGEST_QUEUE = 1_000;
/** Close code for "not allowed any more": reconnecting cannot help. */
const POLICY_CLOSE = 1008;

export async function* streamEvents(target: ApiTarget, options: EventsOptions = {}): AsyncGenerator<StreamMessage> {
  const patienceMs = options.reconnectForMs ?? 60_000;
  let after = options.after;
  let attempt = 0;
  let lostAt: number | undefined;
  while (options.signal?.aborted !== true) {
    try {
      for await (const message of connection(target, { ...options, after })) {
        attempt = 0;
        lostAt = undefined;
        after = sequenceOf(message) ?? after;
        yield message;
      }
    } catch (error) {
      const known = HoldfastError.from(error);
      if (options.signal?.aborted) return;
      if (known.code !== 'host.unreachable' || after === undefined || patienceMs === 0) throw known;
      lostAt ??= Date.now();
      if (Date.now() - lostAt > patienceMs) throw known;
    }
    attempt += 1;
    await pause(backoffMs(attempt, { baseMs: 50, maxMs: 2_000 }), options.signal);
  }
}

function sequenceOf(message: StreamMessage): number | undefined {
  if (message.type === 'event') return message.event.seq;
  return message.type === 'caught-up' ? message.seq : undefined;
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await systemClock.sleep(ms, signal);
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
}

/** One connection: ends quietly when aborted, throws `host.unreachable` when it is lost, else the host's refusal. */
async function* connection(target: ApiTarget, options: EventsOptions): AsyncGenerator<StreamMessage> {
  const [{ StreamMessage }, socket] = await Promise.all([import('../protocol/api.ts'), open(target, options)]);
  const inbox = collect(target, socket);
  const abort = (): void => socket.close(1000);
  options.signal?.addEventListener('abort', abort, { once: true });
  try {
    for (;;) {
      const text = await inbox.next();
      if (text === undefined || options.signal?.aborted) return;
      yield StreamMessage.parse(JSON.parse(text));
    }
  } finally {
    options.signal?.removeEventListener('abort', abort);
    socket.terminate();
  }
}

async function open(target: ApiTarget, options: EventsOptions): Promise<WebSocket> {
  const [{ WebSocket }, net] = await Promise.all([import('ws'), import('node:net')]);
  const base = 'socketPath' in target ? 'ws://localhost' : target.url.replace(/^http/, 'ws');
  const url = new URL('/api/events', base);
  for (const name of ['after', 'sessionId', 'runId'] as const) {
    const value = options[name];
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return new WebSocket(url, {
    headers: authHeaders(target),
    perMessageDeflate: false,
    handshakeTimeout: 10_000,
    ...('socketPath' in target ? { createConnection: () => net.connect({ path: target.socketPath }) } : {}),
  });
}

/** A bounded queue between the socket and the reader: a slow reader pauses the socket. */
function collect(target: ApiTarget, socket: WebSocket): { next(): Promise<string | undefined> } {
  const queue: string[] = [];
  let failure: HoldfastError | undefined;
  let closed = false;
  let wake = (): void => {};
  socket.on('message', (data) => {
    queue.push(String(data));
    if (queue.length >= LONGEST_QUEUE) socket.pause();
    wake();
  });
  socket.on('unexpected-response', (_request, reply) => {
    const parts: Buffer[] = [];
    reply.on('data', (part: Buffer) => parts.push(part));
    reply.on('end', () => {
      failure = errorOf(reply.statusCode ?? 0, Buffer.concat(parts).toString('utf8'));
      closed = true;
      wake();
    });
  });
  socket.on('error', (error) => {
    failure ??= unreachable(target, error);
  });
  socket.on('close', (code, reason) => {
    if (code === POLICY_CLOSE) failure = new HoldfastError('unauthenticated', reason.toString() || 'Signed out.');
    else if (code !== 1000) failure ??= unreachable(target, new Error(`closed ${code}: ${reason.toString()}`));
    closed = true;
    wake();
  });
  return {
    next: async () => {
      while (queue.length === 0 && !closed) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const text = queue.shift();
      if (text === undefined && failure) throw failure;
      if (queue.length === 0 && socket.isPaused) socket.resume();
      return text;
    },
  };
}
