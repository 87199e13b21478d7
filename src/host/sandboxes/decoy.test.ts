import { mkdir, mkdtemp, readFile, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDecoys } from './decoy.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hf-decoy-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const decoys = createDecoys(async (agent) => `token = ${agent}\n`);

describe('a decoy', () => {
  it('lies in a new volume, readable for the user of the sandbox', async () => {
    const volume = join(root, 'volumes', 'run_1');
    await decoys.lay(volume, 'scout');
    const file = join(volume, '.config/deploy/credentials');
    expect(await readFile(file, 'utf8')).toBe('token = scout\n');
    expect((await stat(file)).mode & 0o777).toBe(0o644);
    await decoys.lay(volume, 'other');
    expect(await readFile(file, 'utf8')).toBe('token = scout\n');
  });

  it('is never laid through a link that a sandbox left behind', async () => {
    const volume = join(root, 'run_1');
    const elsewhere = join(root, 'elsewhere');
    await mkdir(volume);
    await mkdir(elsewhere);
    await symlink(elsewhere, join(volume, '.config'));
    await decoys.lay(volume, 'scout');
    await expect(stat(join(elsewhere, 'deploy'))).rejects.toMatchObject({ code: 'ENOENT' });
    await symlink(elsewhere, join(root, 'run_2'));
    await decoys.lay(join(root, 'run_2'), 'scout');
    await expect(stat(join(elsewhere, '.config'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is left out when there is no vault', async () => {
    await createDecoys(() => Promise.reject(new Error('away'))).lay(join(root, 'a'), 'scout');
    expect((await stat(join(root, 'a'))).isDirectory()).toBe(true);
  });
});
