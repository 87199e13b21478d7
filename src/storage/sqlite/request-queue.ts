import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { decodeUnits, type Unit, type WriterRequest } from './writer-protocol.ts';

/**
 * Whoever waits for each commit before the next one sends again so soon that waking a sleeping thread would take longer.
 * So the thread looks for the next request for a moment, as long as that is how they come.
 */
const LOOK_MS = 0.05;
const SHORT_SLEEP_MS = 0.2;
const LOOKS_BETWEEN_CLOCKS = 64;
const IDLE_AFTER_MS = 500;

/**
 * The writer thread's end of the requests. It sleeps on a counter, not in an event loop, whose wake-up takes twice as
 * long.
 */
export class RequestQueue {
  readonly #port: MessagePort;
  readonly #sent: Int32Array;
  readonly #texts: string[] = [];
  /** How many of the sent requests were received. */
  #received = 0;
  #closed = false;
  #comesSoon = true;

  constructor(port: MessagePort, counter: SharedArrayBuffer) {
    this.#port = port;
    this.#sent = new Int32Array(counter);
  }

  /** The next batch, however long it takes; undefined when there is none to come. Calls `idle` once when it takes long. */
  wait(idle: () => void): readonly Unit[] | undefined {
    for (;;) {
      const batch = this.take();
      if (batch.length > 0) return batch;
      if (this.#closed) return undefined;
      if (this.#comesSoon && this.#look()) continue;
      this.#sleep(idle);
    }
  }

  /** A batch that is there already, or nothing. */
  take(): readonly Unit[] {
    if (this.#closed || Atomics.load(this.#sent, 0) === this.#received) return [];
    const received = receiveMessageOnPort(this.#port);
    if (!received) return [];
    this.#received = (this.#received + 1) | 0;
    return this.#unpack(received.message);
  }

  #unpack(request: WriterRequest): readonly Unit[] {
    if (request.kind === 'close') {
      this.#closed = true;
      return [];
    }
    if (request.resetSql) this.#texts.length = 0;
    this.#texts.push(...request.newSql);
    return decodeUnits(request.units, this.#texts);
  }

  #sleep(idle: () => void): void {
    const began = performance.now();
    if (Atomics.wait(this.#sent, 0, this.#received, IDLE_AFTER_MS) === 'timed-out') {
      idle();
      Atomics.wait(this.#sent, 0, this.#received);
    }
    this.#comesSoon = performance.now() - began < SHORT_SLEEP_MS;
  }

  #look(): boolean {
    const until = performance.now() + LOOK_MS;
    do {
      for (let look = 0; look < LOOKS_BETWEEN_CLOCKS; look += 1)
        if (Atomics.load(this.#sent, 0) !== this.#received) return true;
    } while (performance.now() < until);
    return false;
  }
}
