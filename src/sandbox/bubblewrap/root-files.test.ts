import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { prepareEtc } from './root-files.ts';

describe('the sandbox’s /etc', () => {
  it('can be read by the sandbox’s user, whatever umask the host has', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-etc-'));
    const before = process.umask(0o077);
    try {
      await prepareEtc(join(directory, 'etc'));
      expect((await stat(join(directory, 'etc'))).mode & 0o777).toBe(0o755);
      expect((await stat(join(directory, 'etc/passwd'))).mode & 0o777).toBe(0o644);
      expect((await stat(join(directory, 'etc/alternatives'))).mode & 0o777).toBe(0o755);
    } finally {
      process.umask(before);
      await rm(directory, { recursive: true, force: true });
    }
  });
});
