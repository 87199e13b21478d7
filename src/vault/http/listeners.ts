import { chmodSync, rmSync } from 'node:fs';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer } from '../../base/http.ts';
import { uuidv7 } from '../../base/id.ts';
import type { Logger } from '../../base/logger.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { AgentId } from '../../protocol/ids.ts';
import { CALL_HEADERS } from '../../protocol/vault-api.ts';
import type { LiveCalls } from '../freeze/live-calls.ts';
import type { Caller, ModelProxy } from '../model/model-proxy.ts';
import type { Callers } from '../store/callers.ts';
import { wireOfUrl } from '../wires/route.ts';
import { sendError, sendModelError } from './answer.ts';
import type { Door } from './route.ts';
import { type RoutesDeps, runRoute } from './routes.ts';

/**
 * The vault's doors. Who may pass the two unix sockets is decided by their file mode (0600, or 0660 for the host's where it is
 * another user) and directory; the
 * loopback port asks for a caller token and serves model calls alone.
 */
export interface ListenersDeps {
  readonly routes: RoutesDeps;
  readonly proxy: ModelProxy;
  readonly callers: Callers;
  readonly live: LiveCalls;
  readonly logger: Logger;
}

/** A burst of callers waits in the kernel instead of being turned away. */
const BACKLOG = 4_096;
const CALL_ID = /^[\x21-\x7e]{1,200}$/;
const SCOPE_ID = /^[\x21-\x7e]{1,200}$/;

export interface SocketPlace {
  readonly path: string;
  readonly door: Door;
  readonly mode: number;
}

/** Call only while holding the database's exclusive lock: then a socket file that is there belongs to nobody. */
export async function listenOnSocket({ path, door, mode }: SocketPlace, deps: ListenersDeps): Promise<Server> {
  const server = newServer((request, response) => {
    if (request.url?.startsWith('/model/')) onModelCall(deps, request, response);
    else onRoute(deps, door, request, response);
  });
  rmSync(path, { force: true });
  await listening(server, () => server.listen({ path, backlog: BACKLOG }));
  chmodSync(path, mode);
  return server;
}

export async function listenOnLoopback(port: number, deps: ListenersDeps): Promise<{ server: Server; port: number }> {
  const server = newServer((request, response) => onTokenCall(deps, request, response));
  await listening(server, () => server.listen({ port, host: '127.0.0.1', backlog: BACKLOG }));
  const address: AddressInfo | string | null = server.address();
  return { server, port: typeof address === 'object' && address ? address.port : port };
}

export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function newServer(listener: RequestListener): Server {
  const server = createServer({ maxHeaderSize: 16_384, keepAliveTimeout: 65_000, requestTimeout: 120_000 }, listener);
  server.on('connection', (socket) => socket.setNoDelay(true));
  return server;
}

function listening(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error)));
    server.once('listening', resolve);
    listen();
  });
}

function listenError(error: NodeJS.ErrnoException): HoldfastError {
  if (error.code === 'EADDRINUSE')
    return new HoldfastError('port.in-use', `The vault cannot listen: ${error.message}.`, {
      remedy: 'Choose another --tcp-port, or 0 for any free one.',
      cause: error,
    });
  return HoldfastError.from(error);
}

function onRoute(deps: ListenersDeps, door: Door, request: IncomingMessage, response: ServerResponse): void {
  runRoute(deps.routes, door, { request, response }).catch((error: unknown) => {
    const failure = HoldfastError.from(error);
    if (failure.code === 'internal') deps.logger.error('request failed', { error, method: request.method });
    sendError(response, failure);
  });
}

function onModelCall(deps: ListenersDeps, request: IncomingMessage, response: ServerResponse): void {
  const caller = callerFromHeaders(request);
  if (caller instanceof HoldfastError) refuseModelCall(request, response, caller);
  else if (request.method !== 'POST') refuseModelCall(request, response, notPost(request));
  else serveModelCall(deps, { request, response, caller });
}

/** Both doors end here: whoever is frozen gets nothing, and a freeze finds what is under way. */
function serveModelCall(
  { routes, live, proxy }: ListenersDeps,
  { request, response, caller }: { request: IncomingMessage; response: ServerResponse; caller: Caller },
): void {
  const frozen = routes.freezes.refusal(caller.agent);
  if (frozen) {
    refuseModelCall(request, response, frozen);
    return;
  }
  live.hold(caller.agent, response);
  proxy.handle(request, response, caller);
}

function onTokenCall(deps: ListenersDeps, request: IncomingMessage, response: ServerResponse): void {
  const agent = deps.callers.agentOf(tokenOf(request));
  const url = request.url ?? '';
  // No page in a browser has business here, and a rebound name must not reach it.
  if (request.headers.origin !== undefined || !isLocalHost(request.headers.host)) {
    refuseModelCall(request, response, new HoldfastError('forbidden', 'This port is not for web pages.'));
  } else if (agent === undefined) {
    const remedy = 'Make a token with `holdfast vault caller <agent>` and give it as the API key.';
    refuseModelCall(
      request,
      response,
      new HoldfastError('unauthenticated', 'The caller token is missing or not known.', { remedy }),
    );
  } else if (!url.startsWith('/model/')) {
    refuseModelCall(request, response, new HoldfastError('not-found', 'This port serves /model/… alone.'));
  } else if (request.method !== 'POST') refuseModelCall(request, response, notPost(request));
  else serveModelCall(deps, { request, response, caller: { agent, run: null, task: null, callId: `tcp_${uuidv7()}` } });
}

function callerFromHeaders({ headers }: IncomingMessage): Caller | HoldfastError {
  const agent = headers[CALL_HEADERS.agent];
  const callId = headers[CALL_HEADERS.call];
  const name = AgentId.safeParse(agent);
  if (!name.success)
    return new HoldfastError('bad-request', `The header ${CALL_HEADERS.agent} is missing or not an agent id.`);
  if (typeof callId !== 'string' || !CALL_ID.test(callId))
    return new HoldfastError(
      'bad-request',
      `The header ${CALL_HEADERS.call} is missing or longer than 200 characters.`,
    );
  const run = scopeId(headers[CALL_HEADERS.run]);
  const task = scopeId(headers[CALL_HEADERS.task]);
  if (run === undefined || task === undefined) {
    const wrong = run === undefined ? CALL_HEADERS.run : CALL_HEADERS.task;
    return new HoldfastError('bad-request', `The header ${wrong} is longer than 200 characters or not plain text.`);
  }
  return { agent: name.data, callId, run, task };
}

/** `null`: not given. `undefined`: not an id; leaving it out would leave its caps out. */
function scopeId(value: string | string[] | undefined): string | null | undefined {
  if (value === undefined) return null;
  return typeof value === 'string' && SCOPE_ID.test(value) ? value : undefined;
}

/** Where the official SDKs put their API key. */
function tokenOf({ headers, url = '' }: IncomingMessage): string {
  const bearer = /^Bearer\s+(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  const key = headers['x-api-key'] ?? headers['x-goog-api-key'];
  const query = url.includes('key=') ? new URLSearchParams(url.slice(url.indexOf('?') + 1)).get('key') : undefined;
  return bearer ?? (typeof key === 'string' ? key : undefined) ?? query ?? '';
}

function isLocalHost(host: string | undefined): boolean {
  return host !== undefined && /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host);
}

function notPost(request: IncomingMessage): HoldfastError {
  return new HoldfastError('bad-request', `Model calls are POST, not ${request.method}.`);
}

function refuseModelCall(request: IncomingMessage, response: ServerResponse, error: HoldfastError): void {
  sendModelError(response, wireOfUrl(request.url ?? ''), { shape: error.toShape() });
}
