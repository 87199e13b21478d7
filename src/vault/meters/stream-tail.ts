import type { MeteredUsage } from '../model/usage.ts';
import { asObject, type Loose, type Meter, type UsageTail } from './meter.ts';

/**
 * Remembers just enough of a stream to find its usage at the end: references to the first chunk and to the last ones.
 * Nothing is copied or parsed while the stream flows. Many small chunks are kept up to 64 KiB; big ones (a last event that
 * repeats the whole answer) up to 2 MiB.
 */
const SMALL_TAIL_BYTES = 65_536;
const BIG_TAIL_BYTES = 2_097_152;
const BIG_CHUNK_BYTES = 8_192;
const HEAD_BYTES = 16_384;
const NOTHING_REPORTED = /^\s?:\s?null/;

export class StreamTail implements UsageTail {
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

  /**
   * What the stream reported last. A report that takes back what an earlier one said is not believed: then there is none,
   * and the whole reservation stays charged.
   */
  usage(): MeteredUsage | undefined {
    const first = this.#meter.needsFirst ? this.#firstEvent() : undefined;
    const lines = Buffer.concat(this.#chunks).toString('utf8').split('\n');
    let last: MeteredUsage | undefined;
    for (let i = lines.length - 1; i >= 0; i -= 1) {
      const event = this.#parse(lines[i] ?? '');
      const usage = event && this.#meter.read(event, first);
      if (!usage) continue;
      if (last && (usage.inputTokens > last.inputTokens || usage.outputTokens > last.outputTokens)) return undefined;
      last ??= usage;
    }
    return last;
  }

  #firstEvent(): Loose | undefined {
    for (const line of Buffer.concat(this.#head).toString('utf8').split('\n')) {
      const event = this.#parse(line);
      if (event) return event;
    }
    return undefined;
  }

  #parse(line: string): Loose | undefined {
    const at = line.startsWith('data:') ? line.indexOf(this.#meter.marker) : -1;
    // Most events of some providers say `"usage":null`: they are not worth parsing.
    if (
      at === -1 ||
      NOTHING_REPORTED.test(line.slice(at + this.#meter.marker.length, at + this.#meter.marker.length + 8))
    )
      return undefined;
    try {
      return asObject(JSON.parse(line.slice(5)));
    } catch {
      // Cut off or not JSON: not an event we can read numbers from.
      return undefined;
    }
  }
}
