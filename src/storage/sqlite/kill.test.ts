import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { CONFORMANCE_MIGRATION } from '../store.conformance.ts';
import { openSqliteStore } from './store.ts';

/**
 * Durability, proven with a process that really dies: it writes units of two rows from 16 appenders, says each one that
 * was acknowledged, and is killed with -9 at a random one. Afterwards everything acknowledged is there and nothing is half.
 */
const CHILD = `
import { openSqliteStore } from ${JSON.stringify(new URL('./store.ts', import.meta.url).href)};
const [path, migrations, from] = JSON.parse(process.argv[1]);
const store = await openSqliteStore({ path, migrations });
const sql = 'INSERT INTO items (id, version, body) VALUES (?, 1, ?)';
let next = from;
async function append() {
  for (;;) {
    const n = next++;
    await store.write([{ sql, parameters: ['a' + n, ''] }, { sql, parameters: ['b' + n, 'y'.repeat(n % 3000)] }]);
    process.stdout.write(n + '\\n');
  }
}
await Promise.all(Array.from({ length: 16 }, append));
`;
const ROUNDS = 8;

function start(path: string, from: number): ChildProcess {
  const argument = JSON.stringify([path, [CONFORMANCE_MIGRATION], from]);
  return spawn(process.execPath, ['--input-type=module', '-e', CHILD, argument], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** The numbers that were acknowledged before the child died at about the `killAt`th. */
async function writeUntilKilled(child: ChildProcess, killAt: number): Promise<number[]> {
  if (!child.stdout) throw new Error('no stdout');
  const exited = once(child, 'exit');
  const acknowledged: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(Number(line));
    if (acknowledged.length === killAt) child.kill('SIGKILL');
  }
  await exited;
  return acknowledged;
}

describe('kill -9', () => {
  it(`loses nothing acknowledged and leaves nothing half, ${ROUNDS} times over one file`, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-kill-'));
    const path = join(directory, 'host.db');
    const all = new Set<number>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const killAt = 1 + Math.floor(Math.random() * 250);
      const acknowledged = await writeUntilKilled(start(path, round * 1_000_000), killAt);
      expect(acknowledged.length).toBeGreaterThanOrEqual(killAt);
      for (const n of acknowledged) all.add(n);
      await using store = await openSqliteStore({ path, migrations: [CONFORMANCE_MIGRATION] });
      const rows = await store.read({ sql: 'SELECT id FROM items', parameters: [] });
      const ids = new Set(rows.map((row) => String(row.id)));
      expect([...all].filter((n) => !ids.has(`a${n}`) || !ids.has(`b${n}`))).toEqual([]);
      const half = [...ids].filter((id) => !ids.has(`${id.startsWith('a') ? 'b' : 'a'}${id.slice(1)}`));
      expect(half).toEqual([]);
    }
    rmSync(directory, { recursive: true });
  }, 120_000);

  it('refuses another process with the pid of the one that has the file', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-kill-'));
    const path = join(directory, 'host.db');
    const child = start(path, 0);
    try {
      if (child.stdout) await once(child.stdout, 'data');
      const second = openSqliteStore({ path, migrations: [CONFORMANCE_MIGRATION] });
      await expect(second).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringContaining(`pid ${child.pid}`),
      });
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
      rmSync(directory, { recursive: true });
    }
  });
});
