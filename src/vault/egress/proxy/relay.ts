import type { Duplex } from 'node:stream';
import type { Live } from './traffic.ts';

/**
 * Passes bytes both ways until both sides have ended. A side that ends is ended on the other side too, and the rest of the
 * answer still comes; the silence limit ends what nobody does.
 */
export interface RelayOptions {
  readonly live: Live;
  /** Whether what comes back holds a secret: then the connection is cut before this chunk goes on. */
  readonly leaks?: (chunk: Buffer) => boolean;
}

export function relay(client: Duplex, origin: Duplex, { live, leaks }: RelayOptions): void {
  // Before the pipe has it: what is cut here is not sent.
  client.on('data', (chunk: Buffer) => live.look(chunk));
  client.on('data', (chunk: Buffer) => live.up(chunk.length));
  origin.on('data', (chunk: Buffer) => {
    // Runs before the pipe's own listener: a cut destroys both sides first.
    if (leaks?.(chunk) === true) live.cut('the other side sent back a secret of the vault');
    else live.down(chunk.length);
  });
  const broken = (which: string) => (): void => live.failed(`${which} broke off`);
  client.on('error', broken('the sandbox'));
  origin.on('error', broken('the other side'));
  let open = 2;
  const closed = (): void => {
    open -= 1;
    if (open === 0) live.done();
  };
  client.on('close', () => {
    if (!origin.writableEnded) origin.end();
    if (!client.readableEnded) origin.destroy();
    closed();
  });
  origin.on('close', () => {
    if (!client.writableEnded) client.end();
    if (!origin.readableEnded) client.destroy();
    closed();
  });
  client.pipe(origin);
  origin.pipe(client);
}
