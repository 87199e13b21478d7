import type { Duplex } from 'node:stream';
import { type Message, readMessage } from './messages.ts';

/** Messages from a socket, one at a time, each within its time; what follows the last one is left on the socket. */
export interface MessageReader {
  /** The next message with a letter. */
  next(): Promise<Message>;
  /** A client's first message, which has none. */
  nextUntyped(): Promise<Message>;
  /** A single byte: a server's answer to the wish for TLS. */
  nextByte(): Promise<string>;
  /** Stops reading and puts back what was read too far. */
  release(): void;
}

const LONGEST_HELD = 131_072;

export function createReader(socket: Duplex, timeoutMs: number): MessageReader {
  let held: Buffer = Buffer.alloc(0);
  let wake: (() => void) | undefined;
  let ended = false;
  const take = (chunk: Buffer): void => {
    held = Buffer.concat([held, chunk]);
    if (held.length > LONGEST_HELD) socket.pause();
    wake?.();
  };
  const end = (): void => {
    ended = true;
    wake?.();
  };
  socket.on('data', take).once('end', end).once('close', end);
  const await_ = async <T>(read: () => T | undefined): Promise<T> => {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = read();
      if (found !== undefined) return found;
      if (ended) throw new Error('the other side broke off');
      if (held.length > LONGEST_HELD) throw new Error('too much came at once');
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error('it did not answer in time')),
          Math.max(0, deadline - Date.now()),
        );
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  const message = (typed: boolean): Promise<Message> =>
    await_(() => {
      const read = readMessage(held, typed);
      if (read) held = read.rest;
      return read?.message;
    });
  return {
    next: () => message(true),
    nextUntyped: () => message(false),
    nextByte: () =>
      await_(() => {
        const [byte] = held;
        if (byte === undefined) return undefined;
        held = held.subarray(1);
        return String.fromCharCode(byte);
      }),
    release: () => {
      socket.off('data', take).off('end', end).off('close', end);
      socket.pause();
      if (held.length > 0) socket.unshift(held);
      held = Buffer.alloc(0);
    },
  };
}
