import { decodeFrame, FRAME_PRELUDE_BYTES, frameLength } from '../../base/event-stream.ts';
import type { MeteredUsage } from '../model/usage.ts';
import { asObject, type Meter, type UsageTail } from './meter.ts';

/**
 * Finds the usage in an AWS event stream: walks from frame to frame by their lengths and looks only into the one that says
 * `metadata`. A stream that is not made of whole, correct frames has no usage that could be believed.
 */
const EVENT = ':event-type';
const LARGEST_METADATA = 65_536;

export class EventStreamTail implements UsageTail {
  readonly #meter: Meter;
  /** The frame under way, as far as it has come; empty while a long one is skipped. */
  #frame: Buffer = Buffer.alloc(0);
  #skip = 0;
  #broken = false;
  #usage: MeteredUsage | undefined;

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  push(chunk: Buffer): void {
    if (this.#broken) return;
    let rest = chunk;
    while (rest.length > 0 && !this.#broken) rest = this.#skip > 0 ? this.#pass(rest) : this.#collect(rest);
  }

  usage(): MeteredUsage | undefined {
    return this.#broken || this.#frame.length > 0 || this.#skip > 0 ? undefined : this.#usage;
  }

  #pass(bytes: Buffer): Buffer {
    const passed = Math.min(this.#skip, bytes.length);
    this.#skip -= passed;
    return bytes.subarray(passed);
  }

  #collect(bytes: Buffer): Buffer {
    const all = this.#frame.length === 0 ? bytes : Buffer.concat([this.#frame, bytes]);
    this.#frame = Buffer.alloc(0);
    if (all.length < FRAME_PRELUDE_BYTES) {
      this.#frame = all;
      return all.subarray(all.length);
    }
    const length = frameLength(all);
    if (length === undefined) {
      this.#broken = true;
      return all.subarray(all.length);
    }
    if (length > LARGEST_METADATA) {
      this.#skip = length;
      return all;
    }
    if (all.length < length) {
      this.#frame = all;
      return all.subarray(all.length);
    }
    this.#look(all.subarray(0, length));
    return all.subarray(length);
  }

  #look(bytes: Buffer): void {
    if (!bytes.includes('metadata')) return;
    const frame = decodeFrame(bytes);
    if (frame === undefined) this.#broken = true;
    if (frame?.headers[EVENT] !== 'metadata') return;
    const value = asObject(parseOrUndefined(frame.payload.toString('utf8')));
    this.#usage = (value && this.#meter.read(value, undefined)) ?? this.#usage;
  }
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
