import { connect, type Socket } from 'node:net';
import type { Address } from '../pinned-connector.ts';

/** Connects to one of the very addresses that were checked; the name is not asked again. */
export function dial(
  host: string,
  { addresses, port, timeoutMs }: { addresses: readonly Address[]; port: number; timeoutMs: number },
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      allowHalfOpen: true,
      autoSelectFamily: true,
      noDelay: true,
      lookup: (_host, _options, callback) => callback(null, [...addresses]),
    });
    const timer = setTimeout(() => socket.destroy(new Error('it did not answer in time')), timeoutMs);
    socket.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      // Whoever takes it listens too; without any listener a late error would end the vault.
      socket.on('error', () => socket.destroy());
      resolve(socket);
    });
  });
}
