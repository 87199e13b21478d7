import { chmodSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { createServer } from '../../../base/http.ts';
import type { Logger } from '../../../base/logger.ts';
import { type DoorContext, refuseOdd } from './door-context.ts';
import { forward } from './forward.ts';
import { refuseSocket } from './refusal.ts';
import { tunnel } from './tunnel.ts';
import { upgrade } from './upgrade.ts';

/** One sandbox's way out: a unix socket that speaks HTTP proxy. Whoever holds the socket is the sandbox; there is no token. */
export interface Door extends AsyncDisposable {
  /** Cuts what the rules do not allow any more. */
  recheck(): void;
}

/** Connections of one sandbox at once. */
const MOST_CONNECTIONS = 128;
/** Requests on one connection that were not answered yet: the parser would read on for ever. */
const MOST_PIPELINED = 8;
const HEADER_BYTES = 65_536;
const HEADERS_WITHIN_MS = 15_000;
/** Nobody's request: the program left, or we closed it. */
const QUIET = new Set(['ECONNRESET', 'EPIPE', 'ERR_STREAM_DESTROYED', 'ERR_HTTP_REQUEST_TIMEOUT']);

export async function openDoor(path: string, context: DoorContext, log: Logger): Promise<Door> {
  const sockets = new Set<Duplex>();
  const unanswered = new WeakMap<Duplex, number>();
  const server = createServer({
    maxHeaderSize: HEADER_BYTES,
    headersTimeout: HEADERS_WITHIN_MS,
    requestTimeout: 0,
    keepAliveTimeout: 30_000,
    connectionsCheckingInterval: 2_000,
    insecureHTTPParser: false,
    // Other upgrades (h2c) are not taken up: the request is answered as if nobody had offered.
    shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket',
  });
  server.maxConnections = MOST_CONNECTIONS;
  // A program may end its side after its request and still read the answer.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const guarded = (socket: Duplex, work: Promise<void>): void =>
    void work.catch((error: unknown) => {
      log.error('a connection of a sandbox failed', { error, run: context.run });
      socket.destroy();
    });
  const speakHttp = (client: Duplex): void => {
    server.emit('connection', client);
    client.resume();
  };
  server.on('request', (request, response) => {
    const waiting = (unanswered.get(request.socket) ?? 0) + 1;
    unanswered.set(request.socket, waiting);
    response.once('close', () => unanswered.set(request.socket, (unanswered.get(request.socket) ?? 1) - 1));
    if (waiting > MOST_PIPELINED) request.socket.destroy();
    else guarded(request.socket, forward(context, request, response));
  });
  server.on('connect', (request, client, head) =>
    guarded(client, tunnel(context, { request, client, head, speakHttp })),
  );
  server.on('upgrade', (request, client, head) => guarded(client, upgrade(context, { request, client, head })));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (QUIET.has(error.code ?? '') || !socket.writable) return void socket.destroy();
    const tooLong = error.code === 'HPE_HEADER_OVERFLOW';
    const { message } = refuseOdd(context, tooLong ? 'the head of the request is too long' : 'the request is not HTTP');
    refuseSocket(socket, { status: tooLong ? 431 : 400, message });
  });
  rmSync(path, { force: true });
  await listening(server, path);
  // The directory keeps everybody out who was not given this very name; inside, the sandbox's user is nobody.
  chmodSync(path, 0o666);
  return {
    recheck: () => {
      for (const live of [...context.live]) live.recheck();
    },
    [Symbol.asyncDispose]: () => closeDoor(server, path, { context, sockets }),
  };
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path, backlog: 511 }, resolve);
  });
}

function closeDoor(
  server: Server,
  path: string,
  { context, sockets }: { context: DoorContext; sockets: ReadonlySet<Duplex> },
): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const live of [...context.live]) live.cut('the door was closed');
    for (const socket of [...sockets]) socket.destroy();
    rmSync(path, { force: true });
  });
}
