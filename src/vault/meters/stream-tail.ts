import type { MeteredUsage } from '../model/usage.ts';
import { asObject, type Loose, type Meter } from './meter.ts';

/**
 * Remembers just enough of a stream to find its usage at the end: references to the first chunk and to the last ones.
 * Nothing is copied or parsed while the stream flows. Many small chunks are kept up to 64 KiB; big ones (a last event that
 * repeats the whole answer) up to 2 MiB.
 */
const SMALL_TAIL_BYTES = 65_536;
const BIG_TAIL_BYTES = 2_097_152;
const BIG_CHUNK_BYTES = 8_192;
const HEAD_BYTES = 16_384;

export class StreamTail {
  readonly #meter: Meter;
  #head: Buffer[] = [];
  #headBytes = 0;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  push(chunk: Buffer): void {
    if (this.#meter.needsFirst && this.#headBytes < HEAD_BYTES) {
      this.#head.push(chunk);
      this.#headBytes += chunk.length;
    }
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    while (this.#bytes > SMALL_TAIL_BYTES) {
      const first = this.#chunks[0];
      if (!first || this.#chunks.length === 1) return;
      if (first.length >= BIG_CHUNK_BYTES && this.#bytes <= BIG_TAIL_BYTES) return;
      this.#chunks.shift();
      this.#bytes -= first.length;
    }
  }

  usage(): MeteredUsage | undefined {
    const first = this.#meter.needsFirst ? this.#firstEvent() : undefined;
    const lines = Buffer.concat(this.#chunks).toString('utf8').split('\n');
    for (let i = lines.length - 1; i >= 0; i -= 1) {
      const event = this.#parse(lines[i] ?? '');
      const usage = event && this.#meter.read(event, first);
      if (usage) return usage;
    }
    return undefined;
  }

  #firstEvent(): Loose | undefined {
    for (const line of Buffer.concat(this.#head).toString('utf8').split('\n')) {
      const event = this.#parse(line);
      if (event) return event;
    }
    return undefined;
  }

  #parse(line: string): Loose | undefined {
    if (!line.startsWith('data:') || !line.includes(this.#meter.marker)) return undefined;
    try {
      return asObject(JSON.parse(line.slice(5)));
    } catch {
      // Cut off or not JSON: not an event we can read numbers from.
      return undefined;
    }
  }
}
