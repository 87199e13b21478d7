import type { Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import type { PostgresSetting } from '../../../protocol/service.ts';
import { type Address, pinnedAddresses, type ResolveAll } from '../../egress/pinned-connector.ts';
import { dial } from '../../egress/proxy/dial.ts';
import { type EgressException, isExcepted } from '../../egress/target.ts';
import type { Trust } from '../../egress/trust.ts';
import { isLiteralHost } from './databases.ts';
import { int32, SSL_REQUEST, writeMessage } from './messages.ts';
import { createReader } from './reader.ts';

/**
 * A connection to a PostgreSQL server, to the addresses that were checked, in TLS unless the server is this very machine.
 * What a server sends before TLS is thrown out with the connection: somebody in between could have put it there.
 */
export interface ServerConnection {
  readonly socket: Socket;
  readonly isSecure: boolean;
}

export interface ConnectDeps {
  readonly trust: Trust;
  readonly resolveAll: ResolveAll;
  readonly exceptions: readonly EgressException[];
  readonly timeoutMs: number;
}

export async function connectServer(setting: PostgresSetting, deps: ConnectDeps): Promise<ServerConnection> {
  const { host, port, tls } = setting;
  const place = { host, port, isLiteral: isLiteralHost(host), excepted: isExcepted({ host, port }, deps.exceptions) };
  const addresses = await pinnedAddresses(place, deps.resolveAll);
  if (tls === 'disable' && !addresses.every(isThisMachine))
    throw new Error('TLS may be left out only for a server on this machine');
  const socket = await dial(host, { addresses, port, timeoutMs: deps.timeoutMs });
  try {
    if (tls === 'disable') return { socket, isSecure: false };
    return { socket: await secure(socket, setting, deps), isSecure: true };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function isThisMachine({ address }: Address): boolean {
  return address === '::1' || address.startsWith('127.');
}

async function secure(
  socket: Socket,
  { host, tls }: PostgresSetting,
  { trust, timeoutMs }: ConnectDeps,
): Promise<Socket> {
  const reader = createReader(socket, timeoutMs);
  socket.write(writeMessage('', int32(SSL_REQUEST)));
  const answer = await reader.nextByte();
  reader.release();
  if (answer !== 'S') throw new Error('the server has no TLS');
  if (socket.readableLength > 0) throw new Error('the server spoke before TLS began');
  return await new Promise((resolve, reject) => {
    const secured = tlsConnect({
      socket,
      secureContext: trust.context(),
      ...(isLiteralHost(host) ? { host } : { servername: host }),
      rejectUnauthorized: tls === 'verify-full',
      ALPNProtocols: ['postgresql'],
    });
    const timer = setTimeout(() => secured.destroy(new Error('its TLS did not come about in time')), timeoutMs);
    const failed = (error: Error): void => {
      clearTimeout(timer);
      reject(error);
    };
    secured.once('error', failed);
    secured.once('secureConnect', () => {
      clearTimeout(timer);
      secured.off('error', failed);
      secured.on('error', () => secured.destroy());
      resolve(secured);
    });
  });
}
