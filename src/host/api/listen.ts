import { chmod, rm } from 'node:fs/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { HoldfastError } from '../../protocol/error.ts';
import type { ApiLimits } from './limits.ts';

type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

/** A server that does not wait for ever for a slow client. */
export function boundedServer(limits: ApiLimits, listener: RequestListener): Server {
  const server = createServer(
    {
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      connectionsCheckingInterval: Math.min(limits.headersMs, 5_000),
      keepAliveTimeout: 10_000,
      maxHeaderSize: 16_384,
    },
    listener,
  );
  server.maxConnections = limits.connections;
  return server;
}

/** Listens on TCP and gives back the port. */
export async function listenTcp(server: Server, address: { host: string; port: number }): Promise<number> {
  try {
    await listening(server, { ...address, exclusive: true });
  } catch (error) {
    throw listenError(error, address);
  }
  const bound = server.address();
  return typeof bound === 'object' && bound !== null ? bound.port : address.port;
}

/** Listens on a unix socket that only its owner can open. One that nobody answers any more is replaced. */
export async function listenSocket(server: Server, path: string): Promise<void> {
  if (await answers(path)) {
    throw new HoldfastError('conflict', `Another Holdfast host already answers at ${path}.`, {
      remedy: 'Stop it with `holdfast stop`, or use another home directory with --home.',
    });
  }
  await rm(path, { force: true });
  await listening(server, { path });
  await chmod(path, 0o600);
}

/** Stops accepting, ends idle connections at once and the others when they have had a moment. */
export async function closeServer(server: Server, graceMs: number): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(timer);
}

function listening(
  server: Server,
  options: { host: string; port: number; exclusive: boolean } | { path: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function listenError(error: unknown, { host, port }: { host: string; port: number }): HoldfastError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') {
    return new HoldfastError('port.in-use', `Port ${port} on ${host} is in use by another program.`, {
      remedy: `Start with another one, \`holdfast start --port ${port === 65_535 ? port - 1 : port + 1}\`, or set server.port in config.json.`,
      details: { host, port },
      cause: error,
    });
  }
  if (code === 'EACCES') {
    return new HoldfastError('config.invalid', `This user may not listen on port ${port}.`, {
      remedy: 'Choose a port from 1024 up with `holdfast start --port`, or set server.port in config.json.',
      cause: error,
    });
  }
  return new HoldfastError('config.invalid', `Cannot listen on ${host}:${port}.`, {
    remedy: 'Set server.host in config.json to an address of this machine, such as 127.0.0.1.',
    cause: error,
  });
}
