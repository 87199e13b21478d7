import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { holdfast } from './cli-process.ts';
import { tableHashes } from './table-hashes.ts';

/** `holdfast backup`, `restore`, `rollback` and `reset` as a user runs them, on a Holdfast that really ran. */
const root = mkdtempSync(join(tmpdir(), 'hf-backup-'));
const home = join(root, 'home');
const whileRunning = join(root, 'running.tar.gz');
const stopped = join(root, 'stopped.tar.gz');
const withKey = join(root, 'with-key.tar.gz');

const run = async (args: readonly string[], where = home) => await holdfast(args, { home: where, timeoutMs: 90_000 });
const expectOk = async (args: readonly string[], where = home) => {
  const result = await run(args, where);
  expect(result, `${args.join(' ')}: ${result.stderr}`).toMatchObject({ code: 0 });
  return result.stdout;
};
const hashes = (where: string) => ({
  host: tableHashes(join(where, 'host.db')),
  vault: tableHashes(join(where, 'vault', 'vault.db')),
});

describe('backup commands', { timeout: 240_000 }, () => {
  beforeAll(async () => {
    await expectOk(['start', '--no-chat', '--port', '0']);
    await expectOk(['send', 'operator', 'Remember the word heron.']);
  }, 120_000);
  afterAll(async () => {
    for (const name of readdirSync(root, { withFileTypes: true }))
      if (name.isDirectory()) await run(['stop'], join(root, name.name));
    rmSync(root, { recursive: true, force: true });
  }, 120_000);

  it('backs up while it runs, and refuses everything that must not be done while it runs', async () => {
    const said = await expectOk(['backup', whileRunning]);
    expect(said).toContain(whileRunning);
    expect(said).toContain('key is not in it');
    for (const args of [['restore', whileRunning], ['rollback'], ['reset', '--yes-delete-everything']]) {
      const refused = await run(args);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain('already runs');
    }
    expect(readdirSync(join(home, 'backups'))).toEqual([]);
    expect(readdirSync(join(home, 'vault')).filter((name) => name.includes('copy'))).toEqual([]);
    await expectOk(['send', 'operator', 'Later.']);
    await expectOk(['stop']);
  });

  it('backs up when stopped; restored elsewhere every table is the same by its hash', async () => {
    const blob = createHash('sha256').update('a picture').digest('hex');
    mkdirSync(join(home, 'blobs', blob.slice(0, 2), blob.slice(2, 4)), { recursive: true });
    writeFileSync(join(home, 'blobs', blob.slice(0, 2), blob.slice(2, 4), blob), 'a picture');
    const before = hashes(home);
    await expectOk(['backup', stopped]);
    await expectOk(['backup', withKey, '--with-key']);
    expect(hashes(home)).toEqual(before);
    const taken = await run(['backup', stopped]);
    expect(taken).toMatchObject({ code: 1, stderr: expect.stringContaining('exists already') });
    for (const [file, hasKey] of [
      [stopped, false],
      [withKey, true],
    ] as const) {
      const other = join(root, hasKey ? 'keyed' : 'keyless');
      const result = await run(['restore', file], other);
      expect(result.code, result.stderr).toBe(0);
      expect(hashes(other)).toEqual(before);
      expect(existsSync(join(other, 'vault', 'master.key'))).toBe(hasKey);
      expect(result.stderr.includes('no vault/master.key')).toBe(!hasKey);
    }
    const path = join('blobs', blob.slice(0, 2), blob.slice(2, 4), blob);
    expect(readFileSync(join(root, 'keyed', path), 'utf8')).toBe('a picture');
  });

  it('never puts the key into a backup without being told to', () => {
    const key = readFileSync(join(home, 'vault', 'master.key'), 'utf8').trim();
    for (const file of [whileRunning, stopped]) expect(gunzipSync(readFileSync(file)).includes(key)).toBe(false);
    expect(gunzipSync(readFileSync(withKey)).includes(key)).toBe(true);
  });

  it('restores what a running Holdfast backed up, keeps the newer state beside, and it starts', async () => {
    const newer = hashes(home);
    const said = await expectOk(['restore', whileRunning]);
    const before = /before: (\S+)/.exec(said)?.[1] ?? '';
    expect(tableHashes(join(before, 'host.db'))).toEqual(newer.host);
    expect(tableHashes(join(before, 'vault', 'vault.db'))).toEqual(newer.vault);
    await expectOk(['start', '--no-chat', '--port', '0']);
    const history = await expectOk(['history', 'operator']);
    expect(history).toContain('heron');
    expect(history).not.toContain('Later.');
    await expectOk(['stop']);
  });

  it('refuses a damaged backup, whatever is wrong with it, and changes nothing', async () => {
    const before = hashes(home);
    const good = readFileSync(stopped);
    const flipped = Buffer.from(good);
    flipped.writeUInt8((flipped[good.length >> 1] ?? 0) ^ 0xff, good.length >> 1);
    const cases = {
      flipped,
      cut: good.subarray(0, good.length - 200),
      empty: Buffer.alloc(0),
      text: Buffer.from('not a backup'),
    };
    for (const [name, bytes] of Object.entries(cases)) {
      const file = join(root, `${name}.tar.gz`);
      writeFileSync(file, bytes);
      const refused = await run(['restore', file]);
      expect(refused.code, name).toBe(1);
      expect(refused.stderr, name).toMatch(/damaged/);
    }
    expect((await run(['restore', join(root, 'nowhere')])).stderr).toContain('cannot be read');
    expect(hashes(home)).toEqual(before);
    expect(readdirSync(home).filter((name) => name.startsWith('restore-'))).toEqual([]);
  });

  it('rolls back to the newest copy that the migrator made, and says so when there is none', async () => {
    const none = await run(['rollback']);
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('no snapshot to go back to') });
    const before = tableHashes(join(home, 'host.db'));
    const older = readFileSync(join(root, 'keyed', 'host.db'));
    const wanted = tableHashes(join(root, 'keyed', 'host.db'));
    writeFileSync(join(home, 'host.db.before-0002-old.1000'), 'an older one');
    writeFileSync(join(home, 'host.db.before-0009-new.2000'), older);
    const said = await expectOk(['rollback']);
    expect(said).toContain('host.db.before-0009-new.2000');
    expect(tableHashes(join(home, 'host.db'))).toEqual(wanted);
    const kept = /before: (\S+)/.exec(said)?.[1] ?? '';
    expect(tableHashes(join(kept, 'host.db'))).toEqual(before);
    writeFileSync(join(home, 'host.db.before-0010-bad.3000'), 'damaged');
    expect((await run(['rollback'])).stderr).toContain('damaged');
    expect(tableHashes(join(home, 'host.db'))).toEqual(wanted);
  });

  it('deletes everything but backups and strangers’ files, and only when told so twice', async () => {
    writeFileSync(join(home, 'mine.txt'), 'keep');
    const unsure = await run(['reset']);
    expect(unsure).toMatchObject({ code: 2, stderr: expect.stringContaining('nothing was done') });
    expect(existsSync(join(home, 'host.db'))).toBe(true);
    await expectOk(['reset', '--yes-delete-everything']);
    const left = readdirSync(home).filter((name) => name !== 'run');
    expect(left.toSorted()).toEqual(['backups', 'mine.txt']);
    await expectOk(['restore', withKey]);
    expect(readdirSync(join(home, 'agents', 'operator'))).not.toEqual([]);
    await expectOk(['start', '--no-chat', '--port', '0']);
    expect(await expectOk(['history', 'operator'])).toContain('heron');
    await expectOk(['stop']);
  });
});
