/**
 * Takes a command's stdout and stderr in the order they come: passes every byte on to the blob store with backpressure,
 * and keeps only a head and a tail for the model. Memory stays flat whatever the command prints.
 */
import type { Readable } from 'node:stream';

export interface CaptureOptions {
  /** Bytes kept from each end. */
  readonly keepBytes: number;
  /** Bytes after which `onOverflow` is called once and the rest is dropped. */
  readonly maxBytes: number;
  readonly onChunk: (stream: 'stdout' | 'stderr', chunk: Buffer) => void;
  readonly onOverflow: () => void;
}

export interface Capture {
  /** Everything, in order; for the blob store. Must be read to the end. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Valid after `bytes` has ended. */
  readonly summary: () => CaptureSummary;
}

export interface CaptureSummary {
  readonly head: Buffer;
  readonly tail: Buffer;
  readonly bytes: number;
  readonly overflowed: boolean;
}

export function captureOutput(stdout: Readable, stderr: Readable, options: CaptureOptions): Capture {
  let head = Buffer.alloc(0);
  let tail = Buffer.alloc(0);
  let bytes = 0;
  let overflowed = false;

  const keep = (chunk: Buffer): void => {
    if (options.keepBytes === 0) return;
    const room = options.keepBytes - head.length;
    if (room > 0) head = Buffer.concat([head, chunk.subarray(0, room)]);
    const rest = room > 0 ? chunk.subarray(room) : chunk;
    if (rest.length > 0) tail = Buffer.concat([tail, rest.subarray(-options.keepBytes)]).subarray(-options.keepBytes);
  };

  async function* all(): AsyncGenerator<Uint8Array> {
    for await (const [stream, chunk] of merge(stdout, stderr)) {
      if (overflowed) continue;
      const fits = chunk.subarray(0, options.maxBytes - bytes);
      bytes += fits.length;
      keep(fits);
      options.onChunk(stream, fits);
      if (fits.length > 0) yield fits;
      if (fits.length < chunk.length) {
        overflowed = true;
        options.onOverflow();
      }
    }
  }
  return { bytes: all(), summary: () => ({ head, tail, bytes, overflowed }) };
}

type Piece = readonly ['stdout' | 'stderr', Buffer];

/**
 * Reads from whichever stream has something; what is not taken stays in the pipe. One waker for both: a race between
 * promises would keep every chunk alive for as long as the quieter stream is silent.
 */
async function* merge(stdout: Readable, stderr: Readable): AsyncGenerator<Piece> {
  const sources = new Map([
    ['stdout', stdout],
    ['stderr', stderr],
  ] as const);
  let wake = (): void => undefined;
  for (const stream of sources.values())
    for (const event of ['readable', 'end', 'close', 'error']) stream.on(event, () => wake());
  while (sources.size > 0) {
    const changed = new Promise<void>((resolve) => {
      wake = resolve;
    });
    let taken = false;
    for (const [name, stream] of sources) {
      const chunk: Buffer | null = stream.read();
      if (chunk !== null) yield [name, chunk];
      taken ||= chunk !== null;
      if (chunk === null && (stream.readableEnded || stream.destroyed)) sources.delete(name);
    }
    if (!taken && sources.size > 0) await changed;
  }
}
