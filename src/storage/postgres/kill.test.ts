import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasPostgres, startPostgres, type TestPostgres } from '../../testing/postgres.ts';
import { CONFORMANCE_MIGRATION } from '../store.conformance.ts';
import { openPostgresStore } from './store.ts';

/**
 * The writing process really dies: it writes units of two rows from 16 appenders, says each one that was acknowledged,
 * and is killed with -9 at a random one. Afterwards everything acknowledged is there, nothing is half, and the lock is free.
 */
const CHILD = `
import { openPostgresStore } from ${JSON.stringify(new URL('./store.ts', import.meta.url).href)};
const [url, password, migrations, from] = JSON.parse(process.argv[1]);
const store = await openPostgresStore({ url, password, migrations });
const sql = 'INSERT INTO items (id, version, body) VALUES ($1, 1, $2)';
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
const ROUNDS = 6;

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

describe.runIf(hasPostgres())('kill -9 of the writer', () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  it(`loses nothing acknowledged and leaves nothing half, ${ROUNDS} times over one database`, {
    timeout: 120_000,
  }, async () => {
    const url = await server.createDatabase();
    const { password } = server;
    const all = new Set<number>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const killAt = 1 + Math.floor(Math.random() * 250);
      const argument = JSON.stringify([url, password, [CONFORMANCE_MIGRATION], round * 1_000_000]);
      const child = spawn(process.execPath, ['--input-type=module', '-e', CHILD, argument], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const acknowledged = await writeUntilKilled(child, killAt);
      expect(acknowledged.length).toBeGreaterThanOrEqual(killAt);
      for (const n of acknowledged) all.add(n);
      await using store = await openPostgresStore({ url, password, migrations: [CONFORMANCE_MIGRATION] });
      const rows = await store.read({ sql: 'SELECT id FROM items', parameters: [] });
      const ids = new Set(rows.map((row) => String(row.id)));
      expect([...all].filter((n) => !ids.has(`a${n}`) || !ids.has(`b${n}`))).toEqual([]);
      const half = [...ids].filter((id) => !ids.has(`${id.startsWith('a') ? 'b' : 'a'}${id.slice(1)}`));
      expect(half).toEqual([]);
    }
  });
});
