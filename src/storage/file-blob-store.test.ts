import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createFileBlobStore } from './file-blob-store.ts';

function place(): Disposable & { readonly directory: string } {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-blobs-'));
  return { directory, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function* chunks(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield part;
}

function files(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

describe('file blob store', () => {
  it('gives back what was put, by the hash of its content', async () => {
    using at = place();
    const blobs = await createFileBlobStore(at.directory);
    const bytes = randomBytes(100_000);
    const ref = await blobs.put(bytes);
    expect(ref).toEqual({ hash: sha256(bytes), bytes: 100_000 });
    expect(sha256(await blobs.get(ref.hash))).toBe(ref.hash);
    expect(await blobs.stat(ref.hash)).toEqual({ bytes: 100_000 });
    const again = await createFileBlobStore(at.directory);
    expect((await again.get(ref.hash)).byteLength).toBe(100_000);
  });

  it('keeps equal content once, whether whole or streamed, also when put at the same time', async () => {
    using at = place();
    const blobs = await createFileBlobStore(at.directory);
    const [a, b] = [randomBytes(70_000), randomBytes(5)];
    const whole = Buffer.concat([a, b]);
    const refs = await Promise.all([
      blobs.put(whole),
      blobs.put(chunks(a, b)),
      blobs.put(chunks(whole)),
      blobs.put(whole),
    ]);
    expect(new Set(refs.map((ref) => ref.hash))).toEqual(new Set([sha256(whole)]));
    expect(files(at.directory)).toHaveLength(1);
  });

  it('writes nothing for content it has', async () => {
    using at = place();
    const blobs = await createFileBlobStore(at.directory);
    const ref = await blobs.put(Buffer.from('once'));
    const [file] = files(at.directory);
    const before = statSync(file ?? '', { bigint: true }).ctimeNs;
    await blobs.put(Buffer.from('once'));
    await blobs.put(chunks(Buffer.from('once')));
    expect(statSync(file ?? '', { bigint: true }).ctimeNs).toBe(before);
    expect(ref.bytes).toBe(4);
  });

  it('keeps nothing and empty content', async () => {
    using at = place();
    const blobs = await createFileBlobStore(at.directory);
    const ref = await blobs.put(chunks());
    expect(ref).toEqual({ hash: sha256(Buffer.alloc(0)), bytes: 0 });
    expect(await blobs.get(ref.hash)).toHaveLength(0);
  });

  it('reads ranges, cut at the end of the content', async () => {
    using at = place();
    const blobs = await createFileBlobStore(at.directory);
    const { hash } = await blobs.put(Buffer.from('0123456789'));
    const text = async (start: number, end: number) => Buffer.from(await blobs.range(hash, start, end)).toString();
    expect(await text(2, 5)).toBe('234');
    expect(await text(8, 99)).toBe('89');
    expect(await text(99, 120)).toBe('');
    await expect(blobs.range(hash, 5, 2)).rejects.toMatchObject({ code: 'bad-request' });
    await expect(blobs.range(hash, -1, 2)).rejects.toMatchObject({ code: 'bad-request' });
  });

  it('is private to this user', async () => {
    using at = place();
    const blobs = await createFileBlobStore(join(at.directory, 'blobs'));
    await blobs.put(Buffer.from('x'));
    for (const entry of readdirSync(at.directory, { recursive: true, withFileTypes: true }))
      expect(statSync(join(entry.parentPath, entry.name)).mode & 0o077).toBe(0);
  });

  it('knows no blob that is not there and takes no path for a hash', async () => {
    using at = place();
    const blobs = await createFileBlobStore(at.directory);
    const absent = '0'.repeat(64);
    await expect(blobs.get(absent)).rejects.toMatchObject({ code: 'not-found' });
    await expect(blobs.range(absent, 0, 1)).rejects.toMatchObject({ code: 'not-found' });
    expect(await blobs.stat(absent)).toBeUndefined();
    for (const bad of ['../../etc/passwd', 'A'.repeat(64), '', `${absent}/x`])
      await expect(blobs.get(bad)).rejects.toMatchObject({ code: 'bad-request' });
  });

  it('leaves nothing behind when the source of a stream fails', async () => {
    using at = place();
    const blobs = await createFileBlobStore(at.directory);
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('some');
      throw new Error('the pipe broke');
    }
    await expect(blobs.put(broken())).rejects.toThrow('the pipe broke');
    expect(files(at.directory)).toEqual([]);
  });

  it('sweeps what a crash left, but not what may still be written', async () => {
    using at = place();
    await mkdir(join(at.directory, 'incoming'), { recursive: true });
    const [old, young] = [join(at.directory, 'incoming', 'old'), join(at.directory, 'incoming', 'young')];
    writeFileSync(old, 'half');
    writeFileSync(young, 'half');
    const twoHoursAgo = Date.now() / 1000 - 7200;
    utimesSync(old, twoHoursAgo, twoHoursAgo);
    await createFileBlobStore(at.directory);
    expect(files(at.directory)).toEqual([young]);
  });

  it('says that the disk is full and keeps no partial file', async (context) => {
    using at = place();
    const mounted = mountSmall(at.directory);
    if (!mounted.ok) {
      console.log(`skipped: no small file system to fill (${mounted.reason})`);
      context.skip();
      return;
    }
    try {
      const blobs = await createFileBlobStore(at.directory);
      const { hash } = await blobs.put(randomBytes(100_000));
      await expect(blobs.put(chunks(randomBytes(600_000), randomBytes(600_000)))).rejects.toMatchObject({
        code: 'storage.full',
        retryable: true,
      });
      expect(files(at.directory)).toHaveLength(1);
      expect(await blobs.get(hash)).toHaveLength(100_000);
      await blobs.put(randomBytes(100_000));
    } finally {
      execFileSync('umount', [at.directory]);
    }
  });
});

function mountSmall(directory: string): { ok: true } | { ok: false; reason: string } {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory], { stdio: 'pipe' });
    return { ok: true };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? (error.message.split('\n')[1] ?? error.message) : 'unknown' };
  }
}
