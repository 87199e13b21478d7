import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';

const UNPACKERS: Record<string, () => Transform> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

/** A stream that undoes the content encoding; `undefined` for none, `null` for one we do not know. */
export function createUnpacker(encoding: string | undefined): Transform | undefined | null {
  if (encoding === undefined || encoding === '' || encoding === 'identity') return undefined;
  return UNPACKERS[encoding.toLowerCase()]?.() ?? null;
}
