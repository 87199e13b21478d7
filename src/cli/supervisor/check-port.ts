import { createServer } from 'node:net';
import { HoldfastError } from '../../protocol/error.ts';

/** Refuses, before anything is started, an address that the host could not listen on. */
export async function checkPort(host: string, port: number): Promise<void> {
  if (port === 0) return;
  const error = await tryListen(host, port);
  if (error === undefined) return;
  if (error.code === 'EADDRINUSE')
    throw new HoldfastError('port.in-use', `Port ${port} on ${host} is in use by another program.`, {
      remedy: `holdfast start --port ${port === 65_535 ? port - 1 : port + 1}, or set server.port in config.json`,
    });
  throw new HoldfastError('config.invalid', `Cannot listen on ${host} port ${port}: ${error.message}.`, {
    remedy: 'Set server.host and server.port in config.json to an address of this machine and a port above 1023.',
  });
}

function tryListen(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
