import { existsSync, mkdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeMemoryFolder, sweepMemoryFolders } from './memory-folder.ts';
import { hostToken, tokenPrefix } from './token.ts';

const SHARED_MEMORY = '/dev/shm';
const hasMemory = existsSync(SHARED_MEMORY) && statfsSync(SHARED_MEMORY).type === 0x0102_1994;
if (!hasMemory) console.log('skipped: src/sandbox/bubblewrap/memory-folder.test.ts needs a tmpfs at /dev/shm');

describe.skipIf(!hasMemory)('the folder in memory', () => {
  it('is private, and never one that was there before', () => {
    const token = hostToken('/home/test');
    const folder = makeMemoryFolder(token);
    try {
      expect(statSync(folder ?? '').mode & 0o777).toBe(0o700);
      expect(makeMemoryFolder(token)).toBeUndefined();
    } finally {
      rmSync(folder ?? '', { recursive: true, force: true });
    }
  });
  it('is swept once its host has ended, and not before', () => {
    const home = `/home/test-${process.pid}`;
    const living = makeMemoryFolder(hostToken(home)) ?? '';
    const left = join(SHARED_MEMORY, `${tokenPrefix(home)}4194304-1-00000000`);
    mkdirSync(join(left, 'etc'), { recursive: true });
    try {
      sweepMemoryFolders(home);
      expect(existsSync(living)).toBe(true);
      expect(existsSync(left)).toBe(false);
    } finally {
      for (const path of [living, left]) rmSync(path, { recursive: true, force: true });
    }
  });
});

describe('a system without memory for files', () => {
  it('gives no folder on a disk, and none where nothing is', async () => {
    const disk = await mkdtemp(join(tmpdir(), 'holdfast-disk-'));
    try {
      if (statfsSync(disk).type !== 0x0102_1994) expect(makeMemoryFolder('token', disk)).toBeUndefined();
      expect(makeMemoryFolder('token', join(disk, 'absent'))).toBeUndefined();
      expect(() => sweepMemoryFolders('/home/test', join(disk, 'absent'))).not.toThrow();
    } finally {
      await rm(disk, { recursive: true });
    }
  });
});
