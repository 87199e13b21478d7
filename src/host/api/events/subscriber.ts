import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { StreamMessage } from '../../../protocol/api.ts';
import { textFrame } from './frame.ts';
import type { StreamFilter, StreamItem } from './stream-item.ts';

/**
 * One open event stream. Invariant: it gets every stored event after its `lastSeq` that matches its filter, once and in
 * order. While it replays, what happens meanwhile waits in a bounded backlog; if that overflows nothing is lost, it just
 * goes on replaying from the store. Frames are written straight to the socket, whole and unfragmented, which ws allows as
 * long as nothing is compressed: one write per batch in place of one `send` per event.
 */
export const CLOSE_TOO_SLOW = 4008;
export const CLOSE_UNKNOWN_SEQ = 4009;
export const CLOSE_SIGNED_OUT = 1008;
export const CLOSE_GOING_AWAY = 1001;

export interface SubscriberOptions {
  readonly socket: WebSocket;
  /** The connection below `socket`, where frames are written. */
  readonly wire: Duplex;
  readonly filter: StreamFilter;
  readonly after: number;
  readonly subject: string | undefined;
  readonly person: string;
  readonly expiresAt: number | undefined;
  readonly limits: { readonly bufferedBytes: number; readonly backlog: number };
}

export class Subscriber {
  readonly filter: StreamFilter;
  readonly subject: string | undefined;
  readonly person: string;
  readonly expiresAt: number | undefined;
  readonly #socket: WebSocket;
  readonly #wire: Duplex;
  readonly #limits: SubscriberOptions['limits'];
  #lastSeq: number;
  #backlog: StreamItem[] = [];
  #overflowed = false;
  #live = false;
  #answered = true;

  constructor(options: SubscriberOptions) {
    this.filter = options.filter;
    this.subject = options.subject;
    this.person = options.person;
    this.expiresAt = options.expiresAt;
    this.#socket = options.socket;
    this.#wire = options.wire;
    this.#limits = options.limits;
    this.#lastSeq = options.after;
    this.#socket.on('pong', () => {
      this.#answered = true;
    });
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  get open(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  /** What one flush of the hub holds for this filter; `batch()` is all frames in one buffer, shared by its subscribers. */
  deliver(items: readonly StreamItem[], firstSeq: number | undefined, batch: () => Buffer): void {
    if (!this.#live) this.#keep(items);
    else if (firstSeq === undefined || firstSeq > this.#lastSeq) this.#write(batch(), lastSeqOf(items));
    else this.#deliverNew(items);
  }

  /** One page of the replay. Resolves when the client has read enough to take the next one. */
  async replay(items: readonly StreamItem[]): Promise<void> {
    this.#deliverNew(items);
    if (this.#wire.writableLength > this.#limits.bufferedBytes / 4) await drained(this.#wire);
  }

  /** Ends the replay if nothing was missed meanwhile; `false` means: read on from the store. */
  catchUp(): boolean {
    if (this.#overflowed) {
      this.#overflowed = false;
      this.#backlog = [];
      return false;
    }
    this.#live = true;
    this.#deliverNew(this.#backlog);
    this.#backlog = [];
    this.tell({ type: 'caught-up', seq: this.#lastSeq });
    return true;
  }

  tell(message: StreamMessage): void {
    this.#write(textFrame(JSON.stringify(message)), undefined);
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  /** Called at every ping interval: a client that did not answer the last ping is gone. */
  ping(): void {
    if (!this.#answered) this.#socket.terminate();
    else if (this.open) {
      this.#answered = false;
      this.#socket.ping();
    }
  }

  #keep(items: readonly StreamItem[]): void {
    const stored = items.filter((item) => item.seq !== undefined);
    if (this.#backlog.length + stored.length > this.#limits.backlog) this.#overflowed = true;
    else this.#backlog.push(...stored);
  }

  #deliverNew(items: readonly StreamItem[]): void {
    const fresh = items.filter((item) => item.seq === undefined || item.seq > this.#lastSeq);
    if (fresh.length > 0) this.#write(Buffer.concat(fresh.map((item) => item.frame())), lastSeqOf(fresh));
  }

  #write(frames: Buffer, lastSeq: number | undefined): void {
    if (!this.open) return;
    if (this.#wire.writableLength > this.#limits.bufferedBytes) {
      this.close(CLOSE_TOO_SLOW, `too slow; resume with after=${this.#lastSeq}`);
      return;
    }
    this.#lastSeq = lastSeq ?? this.#lastSeq;
    this.#wire.write(frames);
  }
}

function lastSeqOf(items: readonly StreamItem[]): number | undefined {
  return items.findLast((item) => item.seq !== undefined)?.seq;
}

function drained(wire: Duplex): Promise<void> {
  if (wire.destroyed || !wire.writableNeedDrain) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      wire.off('drain', done);
      wire.off('close', done);
      resolve();
    };
    wire.once('drain', done);
    wire.once('close', done);
  });
}
