import { connect, createServer, type Socket } from 'node:net';

/** A TCP pipe in front of a server that keeps every byte the server sent: what a client could have seen. */
export interface RecordingProxy extends AsyncDisposable {
  readonly url: string;
  /** Everything sent to clients so far. */
  seen(): Buffer;
}

export async function startRecordingProxy(targetPort: number): Promise<RecordingProxy> {
  const chunks: Buffer[] = [];
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy()); // An aborted client breaks its pipe; that is what the tests do.
  };
  const server = createServer((client) => {
    const upstream = connect(targetPort, '127.0.0.1');
    keep(client);
    keep(upstream);
    upstream.on('data', (chunk: Buffer) => chunks.push(chunk));
    client.pipe(upstream).pipe(client);
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the recording proxy has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    seen: () => Buffer.concat(chunks),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
