import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { link, mkdir, open, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { z } from 'zod';
import { uuidv7 } from '../../base/id.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { damaged, readTar, TAR_END, tarHeader, tarPadding } from './tar.ts';

/**
 * A backup: a compressed tar whose last entry lists every other one with size and SHA-256. What lacks that entry, or
 * differs from it in a byte, is damaged and is not restored. Only names of the one pattern below are ever written to disk.
 */
export const BackupHead = z.strictObject({
  format: z.literal(1),
  version: z.string(),
  createdAt: z.string(),
  database: z.enum(['sqlite', 'postgres']),
  withKey: z.boolean(),
});
export type BackupHead = z.infer<typeof BackupHead>;

const Manifest = z.strictObject({
  head: BackupHead,
  files: z.array(z.strictObject({ name: z.string(), bytes: z.number(), sha256: z.string() })),
});

const MANIFEST = 'manifest.json';
const LARGEST_MANIFEST = 1_000_000_000;
const NAME =
  /^(config\.json|host\.db|host\.rows|vault\/(vault\.db|master\.key)|blobs\/[0-9a-f]{2}\/[0-9a-f]{2}\/[0-9a-f]{64}|(agents|teams|templates)(\/[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}){1,4})$/;

export interface BackupFile {
  /** Its name in the backup. */
  readonly name: string;
  readonly path: string;
}

type Listed = z.infer<typeof Manifest>['files'][number];

/** Writes the backup beside its name and moves it there when it is whole and on the disk. Never replaces a file. */
export async function packBackup(target: string, head: BackupHead, files: AsyncIterable<BackupFile>): Promise<number> {
  const temporary = `${target}.${uuidv7()}.tmp`;
  const listed: Listed[] = [];
  try {
    const out = createWriteStream(temporary, { mode: 0o600, flags: 'wx' });
    await pipeline(Readable.from(entries(head, files, listed)), createGzip({ level: 6 }), out);
    await sync(temporary);
    await link(temporary, target);
    await sync(dirname(target));
    return listed.length;
  } catch (error) {
    throw unwritable(error, target);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function* entries(head: BackupHead, files: AsyncIterable<BackupFile>, listed: Listed[]): AsyncGenerator<Buffer> {
  for await (const { name, path } of files) {
    const { size } = await stat(path);
    const hash = createHash('sha256');
    yield tarHeader(name, size);
    let bytes = 0;
    for await (const chunk of createReadStream(path, size === 0 ? {} : { end: size - 1 })) {
      hash.update(chunk);
      bytes += chunk.length;
      yield chunk;
    }
    if (bytes !== size) throw new HoldfastError('conflict', `${path} became shorter while it was read.`);
    yield tarPadding(size);
    listed.push({ name, bytes, sha256: hash.digest('hex') });
  }
  const manifest = Buffer.from(JSON.stringify({ head, files: listed }));
  yield tarHeader(MANIFEST, manifest.length);
  yield manifest;
  yield tarPadding(manifest.length);
  yield TAR_END;
}

/** Unpacks into a new folder and checks every byte. Throws `storage.corrupt` and leaves the folder to the caller. */
export async function unpackBackup(file: string, directory: string): Promise<BackupHead> {
  const found: Listed[] = [];
  let manifest: z.infer<typeof Manifest> | undefined;
  try {
    for await (const entry of readTar(decompressed(file))) {
      if (manifest !== undefined) throw damaged('something follows its list');
      if (entry.name === MANIFEST) manifest = await readManifest(entry);
      else found.push(await extract(entry, directory));
    }
  } catch (error) {
    throw unreadable(error, file);
  }
  if (manifest === undefined) throw damaged('its list is missing');
  if (JSON.stringify(found) !== JSON.stringify(manifest.files)) throw damaged('its files are not those of its list');
  return manifest.head;
}

function decompressed(file: string): AsyncIterable<Buffer> {
  const source = createReadStream(file);
  const output = createGunzip();
  source.once('error', (error) => output.destroy(error)); // `pipe` would leave it to nobody.
  return source.pipe(output);
}

async function extract(
  entry: { name: string; bytes: number; content: AsyncIterable<Buffer> },
  directory: string,
): Promise<Listed> {
  if (!NAME.test(entry.name)) throw damaged(`it holds a file that belongs in no backup: ${entry.name.slice(0, 100)}`);
  const path = join(directory, entry.name);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const hash = createHash('sha256');
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(Readable.from(entry.content), counted, createWriteStream(path, { mode: 0o600, flags: 'wx' }));
  const sha256 = hash.digest('hex');
  if (entry.name.startsWith('blobs/') && !entry.name.endsWith(sha256))
    throw damaged('a blob is not what its name says');
  return { name: entry.name, bytes: entry.bytes, sha256 };
}

async function readManifest(entry: {
  bytes: number;
  content: AsyncIterable<Buffer>;
}): Promise<z.infer<typeof Manifest>> {
  if (entry.bytes > LARGEST_MANIFEST) throw damaged('its list is too large');
  const parts: Buffer[] = [];
  for await (const part of entry.content) parts.push(part);
  try {
    return Manifest.parse(JSON.parse(Buffer.concat(parts).toString('utf8')));
  } catch (error) {
    throw damaged('its list cannot be read, or a newer Holdfast made it', error);
  }
}

function unreadable(error: unknown, file: string): HoldfastError {
  if (error instanceof HoldfastError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code.startsWith('Z_')) return damaged('it cannot be decompressed', error);
  if (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR')
    return new HoldfastError('not-found', `The backup ${file} cannot be read.`, { cause: error });
  return HoldfastError.from(error);
}

function unwritable(error: unknown, target: string): HoldfastError {
  if (error instanceof HoldfastError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'EEXIST')
    return new HoldfastError('conflict', `${target} exists already.`, { remedy: 'Give another name.', cause: error });
  if (code === 'ENOSPC')
    return new HoldfastError('storage.full', `No space left for ${target}.`, { cause: error, retryable: true });
  return new HoldfastError('storage.read-only', `${target} cannot be written.`, {
    remedy: 'Give a name in a folder that exists and belongs to this user.',
    cause: error,
  });
}

async function sync(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}
