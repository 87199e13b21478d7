import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Logger } from '../../../base/logger.ts';
import { HoldfastError } from '../../../protocol/error.ts';
import type { Authorize } from '../../access/authorize.ts';
import { errorAnswer } from '../error-reply.ts';
import type { Caller, Guard } from '../guard.ts';
import type { ApiLimits } from '../limits.ts';
import { type Door, factsOf } from '../request-facts.ts';
import { checkRate, type EndpointRates } from '../too-often.ts';
import { EVENTS_PATH, EventsQuery } from './events-query.ts';
import type { EventHub } from './hub.ts';
import { Subscriber } from './subscriber.ts';

export interface UpgradeDeps {
  readonly rates?: EndpointRates;
  readonly guard: Guard;
  readonly authorize: Authorize;
  readonly hub: EventHub;
  readonly limits: ApiLimits;
  readonly log: Logger;
}

export type UpgradeHandler = (request: IncomingMessage, wire: Duplex, head: Buffer) => void;

/** Clients have nothing to say on an event stream. */
const LONGEST_INBOUND_BYTES = 1_024;

/** Turns an upgrade into an event stream after the same questions as any other request. */
export function createUpgrade(deps: UpgradeDeps, door: Door): UpgradeHandler & Disposable {
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    clientTracking: false,
    maxPayload: LONGEST_INBOUND_BYTES,
  });
  const handle: UpgradeHandler = (request, wire, head) => {
    wire.on('error', () => wire.destroy());
    admit(deps, request, door)
      .then(({ caller, viewer, query, after }) => {
        if (wire.destroyed) return;
        sockets.handleUpgrade(request, wire, head, (socket) => {
          const { sessionId, runId } = query;
          const { subject, person, expiresAt } = caller;
          const filter = { sessionId, runId, viewer };
          const options = { socket, wire, filter, after, subject, person, expiresAt, limits: deps.limits };
          open(deps, new Subscriber(options), socket);
        });
      })
      .catch((error: unknown) => refuse(wire, error, deps.log));
  };
  return Object.assign(handle, { [Symbol.dispose]: () => sockets.close() });
}

async function admit(
  { guard, authorize, hub, limits, rates }: UpgradeDeps,
  request: IncomingMessage,
  door: Door,
): Promise<{ caller: Caller; viewer: string | undefined; query: EventsQuery; after: number }> {
  const facts = factsOf(request, door);
  guard.checkAddress(facts);
  const caller = await guard.authenticate(facts);
  if (caller.cookie !== undefined && facts.header('origin') === undefined) {
    throw new HoldfastError('forbidden', 'A browser says which page opens a WebSocket; this request does not.', {
      remedy: 'Programs use a bearer token instead of a cookie.',
    });
  }
  checkRate(rates, caller.principal, { method: 'GET', path: facts.path });
  if (facts.path !== EVENTS_PATH) throw new HoldfastError('not-found', 'There is no WebSocket at this path.');
  const query = queryOf(request.url ?? '');
  const viewer = await authorize(caller, { method: 'get', path: EVENTS_PATH, params: {}, query });
  const parsed = EventsQuery.safeParse(query);
  if (!parsed.success) throw new HoldfastError('bad-request', 'after, sessionId or runId is malformed.');
  const after = parsed.data.after ?? (await hub.newest());
  if (hub.size >= limits.subscribers) {
    throw new HoldfastError('rate-limited', `All ${limits.subscribers} event streams are in use.`, {
      remedy: 'Close a dashboard or a program that listens.',
      retryable: true,
      retryAfterMs: 5_000,
    });
  }
  return { caller, viewer, query: parsed.data, after };
}

function queryOf(url: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(url.split('?', 2)[1] ?? ''));
}

function open({ hub, log }: UpgradeDeps, subscriber: Subscriber, socket: WebSocket): void {
  socket.on('error', (error) => log.debug('event stream failed', { error: error.message }));
  socket.on('close', () => hub.drop(subscriber));
  void hub.serve(subscriber);
}

function refuse(wire: Duplex, error: unknown, log: Logger): void {
  const { status, body, headers } = errorAnswer(error, log);
  const payload = JSON.stringify(body);
  const head = { ...headers, 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(payload)) };
  const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`);
  wire.end(`HTTP/1.1 ${status} Refused\r\nconnection: close\r\n${lines.join('')}\r\n${payload}`);
}
