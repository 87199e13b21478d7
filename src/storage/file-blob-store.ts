import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { uuidv7 } from '../base/id.ts';
import { HoldfastError } from '../protocol/error.ts';
import type { BlobRef, BlobStore } from './blob-store.ts';

const HASH = /^[0-9a-f]{64}$/;
const TEMPORARY = 'incoming';
const STALE_AFTER_MS = 3_600_000;

/**
 * Blobs as files, `ab/cd/<hash>` under one directory, 0600.
 *
 * What must hold: a name that exists has its whole content on the disk. Bytes are hashed while they go into a temporary
 * file beside, which is fsynced and then renamed, and its folder fsynced. A crash leaves only temporary files; they are
 * swept at the next open once they are an hour old (another process may still be writing a younger one).
 */
export async function createFileBlobStore(directory: string): Promise<BlobStore> {
  const incoming = join(directory, TEMPORARY);
  await mkdir(incoming, { recursive: true, mode: 0o700 });
  await sweep(incoming);
  const fileOf = (hash: string): string => {
    if (!HASH.test(hash)) throw new HoldfastError('bad-request', `'${hash.slice(0, 80)}' is no content hash.`);
    return join(directory, hash.slice(0, 2), hash.slice(2, 4), hash);
  };
  return {
    put: (bytes) => put(bytes, { incoming, directory, fileOf }),
    get: async (hash) => withBlob(fileOf(hash), hash, (file) => file.readFile()),
    range: async (hash, start, end) => withBlob(fileOf(hash), hash, (file) => readRange(file, start, end)),
    stat: async (hash) => {
      const bytes = await sizeOf(fileOf(hash));
      return bytes === undefined ? undefined : { bytes };
    },
  };
}

interface Place {
  readonly incoming: string;
  readonly directory: string;
  readonly fileOf: (hash: string) => string;
}

async function put(content: Uint8Array | AsyncIterable<Uint8Array>, place: Place): Promise<BlobRef> {
  if (content instanceof Uint8Array) {
    const hash = createHash('sha256').update(content).digest('hex');
    if ((await sizeOf(place.fileOf(hash))) === content.byteLength) return { hash, bytes: content.byteLength };
  }
  const temporary = join(place.incoming, uuidv7());
  try {
    const ref = await receive(content instanceof Uint8Array ? [content] : content, temporary);
    if ((await sizeOf(place.fileOf(ref.hash))) !== ref.bytes) await publish(temporary, ref.hash, place);
    return ref;
  } catch (error) {
    throw unwritable(error, place.directory);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function receive(content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>, temporary: string): Promise<BlobRef> {
  const hash = createHash('sha256');
  const file = await open(temporary, 'wx', 0o600);
  try {
    const bytes = await pour(content, file, hash);
    await file.datasync();
    return { hash: hash.digest('hex'), bytes };
  } finally {
    await file.close();
  }
}

async function pour(
  content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  file: FileHandle,
  hash: Hash,
): Promise<number> {
  let bytes = 0;
  for await (const chunk of content) {
    hash.update(chunk);
    for (let written = 0; written < chunk.byteLength; )
      written += (await file.write(chunk, written, chunk.byteLength - written)).bytesWritten;
    bytes += chunk.byteLength;
  }
  return bytes;
}

async function publish(temporary: string, hash: string, place: Place): Promise<void> {
  const folder = join(place.directory, hash.slice(0, 2), hash.slice(2, 4));
  const created = await mkdir(folder, { recursive: true, mode: 0o700 });
  await rename(temporary, place.fileOf(hash));
  await sync(folder);
  if (created === undefined) return;
  await sync(join(place.directory, hash.slice(0, 2)));
  await sync(place.directory);
}

async function withBlob<T>(path: string, hash: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw new HoldfastError('not-found', `There is no blob ${hash}.`);
    throw error;
  }
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

async function readRange(file: FileHandle, start: number, end: number): Promise<Uint8Array> {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start)
    throw new HoldfastError('bad-request', `[${start}, ${end}) is no range of bytes.`);
  const { size } = await file.stat();
  const wanted = Buffer.alloc(Math.max(0, Math.min(end, size) - start));
  const { bytesRead } = await file.read(wanted, 0, wanted.byteLength, start);
  return wanted.subarray(0, bytesRead);
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function sweep(incoming: string): Promise<void> {
  for (const name of await readdir(incoming)) {
    const path = join(incoming, name);
    const found = await stat(path).catch(() => undefined); // Swept or published by someone else meanwhile.
    if (found && Date.now() - found.mtimeMs > STALE_AFTER_MS) await rm(path, { force: true });
  }
}

async function sync(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function unwritable(error: unknown, directory: string): unknown {
  const code = codeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EIO' || code === 'EFBIG')
    return new HoldfastError('storage.full', `No room for a file under ${directory} (${code}).`, {
      remedy: 'Free space on that disk, or raise the quota.',
      retryable: true,
      cause: error,
    });
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM')
    return new HoldfastError('storage.read-only', `Nothing can be written under ${directory} (${code}).`, {
      remedy: 'Check that the folder belongs to this user and is not on a read-only mount.',
      cause: error,
    });
  return error;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
