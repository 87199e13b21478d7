import { HoldfastError } from '../../protocol/error.ts';

/**
 * As much of the tar format as a backup needs: plain files with short names, so that `tar tzf` can list one. Everything
 * that a reader could be tricked with (links, devices, long names) is not written, and is refused when read.
 */
export interface TarEntry {
  readonly name: string;
  readonly bytes: number;
  /** Must be read to its end before the next entry is asked for. */
  readonly content: AsyncIterable<Buffer>;
}

const BLOCK = 512;
const LONGEST_NAME = 100;
const LARGEST_OCTAL = 0o77777777777;

export function tarHeader(name: string, bytes: number): Buffer {
  if (Buffer.byteLength(name) > LONGEST_NAME) throw new HoldfastError('internal', `The name ${name} is too long.`);
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0, LONGEST_NAME);
  header.write('0000600\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  if (bytes <= LARGEST_OCTAL) header.write(`${bytes.toString(8).padStart(11, '0')}\0`, 124);
  else {
    header[124] = 0x80; // The number in binary, as every tar of today reads it.
    header.writeBigUInt64BE(BigInt(bytes), 128);
  }
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\x0000', 257);
  header.write(`${checksum(header).toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

export function tarPadding(bytes: number): Buffer {
  return Buffer.alloc((BLOCK - (bytes % BLOCK)) % BLOCK);
}

export const TAR_END = Buffer.alloc(2 * BLOCK);

export async function* readTar(source: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  const input = new Chunks(source);
  for (;;) {
    const header = await input.exactly(BLOCK);
    if (header.every((byte) => byte === 0)) return await input.drain();
    const stored = Number.parseInt(header.toString('latin1', 148, 156), 8);
    const copy = Buffer.from(header);
    copy.write('        ', 148);
    if (stored !== checksum(copy)) throw damaged('a header does not add up');
    if (header[156] !== 0x30) throw damaged('it holds something else than plain files');
    const bytes = header[124] === 0x80 ? Number(header.readBigUInt64BE(128)) : octal(header);
    yield { name: header.toString('utf8', 0, LONGEST_NAME).replace(/\0.*$/s, ''), bytes, content: input.take(bytes) };
    await input.exactly(tarPadding(bytes).length);
  }
}

export function damaged(how: string, cause?: unknown): HoldfastError {
  return new HoldfastError('storage.corrupt', `The backup is damaged: ${how}.`, {
    remedy: 'Nothing was changed. Use another backup.',
    cause,
  });
}

function octal(header: Buffer): number {
  const bytes = Number.parseInt(header.toString('latin1', 124, 136), 8);
  if (!Number.isSafeInteger(bytes) || bytes < 0) throw damaged('a size is no number');
  return bytes;
}

function checksum(header: Buffer): number {
  return header.reduce((sum, byte) => sum + byte, 0);
}

/** Cuts a stream of chunks into pieces of the wanted size. */
class Chunks {
  readonly #source: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async exactly(bytes: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const part of this.take(bytes)) parts.push(part);
    return Buffer.concat(parts);
  }

  async *take(bytes: number): AsyncGenerator<Buffer> {
    for (let left = bytes; left > 0; ) {
      if (this.#rest.length === 0) this.#rest = await this.#next();
      const part = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }

  /** To the end, so that the decompressor checks its own sum. */
  async drain(): Promise<void> {
    while (!(await this.#source.next()).done);
  }

  async #next(): Promise<Buffer> {
    const { value, done } = await this.#source.next();
    if (done) throw damaged('it ends too early');
    return value;
  }
}
