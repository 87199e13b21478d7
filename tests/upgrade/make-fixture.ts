import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { VERSION } from '../../src/base/version.ts';
import { hostMigrations } from '../../src/host/database.ts';
import { dumpPostgres } from '../../src/storage/postgres/dump.ts';
import { openPostgresStore } from '../../src/storage/postgres/store.ts';
import { openSqliteStore } from '../../src/storage/sqlite/store.ts';
import type { Store } from '../../src/storage/store.ts';
import { startPostgres } from '../../src/testing/postgres.ts';
import { createScriptedModel } from '../../src/testing/scripted-model.ts';
import { createTestCore } from '../../src/testing/test-core.ts';
import { useTestStores } from '../../src/testing/test-stores.ts';

/**
 * `node tests/upgrade/make-fixture.ts`, run once at each release and committed: a small database of that release with
 * something of everything in it, as SQLite file and as rows of PostgreSQL. Later versions must open both for ever.
 */
const FIXTURES = join(import.meta.dirname, 'fixtures');

async function useIt(home: string): Promise<void> {
  const model = createScriptedModel((request) => {
    const last = request.transcript.at(-1);
    if (request.system.includes('You are a worker of Holdfast')) return 'forty-two';
    if (last?.role === 'tool') return `It says: ${last.text}`;
    const text = last?.role === 'user' ? last.text : '';
    const folder = text.includes('folder') ? { allowed_paths: [{ path: '/usr/share' }] } : {};
    return text.startsWith('work')
      ? { calls: [{ tool: 'spawn_worker', input: { template: 'writer', task: text, ...folder } }] }
      : `You said ${text} – ж🙂`;
  });
  await using world = await createTestCore({ model, home });
  const session = await world.core.sessions.active({ agentId: 'operator', channel: 'local', chatId: 'owner' });
  for (const text of ['hello', 'work alone', 'work in a folder']) {
    const { message } = await world.core.inbox.receive({
      channel: 'local',
      platformMessageId: text,
      session,
      principal: 'owner',
      text,
    });
    world.core.lanes.add(session.id, message.run_id);
    if (!text.includes('folder')) await world.core.manager.settled(message.run_id, AbortSignal.timeout(20_000));
    // The last one is left open, waiting for its approval.
    else while ((await world.core.approvals.list('pending')).length === 0) await delay(5);
  }
}

export async function countRows(store: Store): Promise<Record<string, number>> {
  const tables = ['events', 'runs', 'effects', 'approvals', 'inbox', 'sessions', 'agents', 'artifacts', 'api_tokens'];
  const counts = tables.map(async (table) => {
    const [row] = await store.read({ sql: `SELECT count(*) AS n FROM ${table}`, parameters: [] });
    return [table, Number(row?.['n'])] as const;
  });
  return Object.fromEntries(await Promise.all(counts));
}

async function make(): Promise<void> {
  const file = (suffix: string): string => join(FIXTURES, `${VERSION}.${suffix}`);
  if (existsSync(file('json'))) throw new Error(`${file('json')} is there: a released fixture is never made anew.`);
  const home = await mkdtemp(join(tmpdir(), 'holdfast-fixture-'));
  await useIt(home);
  const counts: Record<string, unknown> = {};
  {
    await using store = await openSqliteStore({ path: join(home, 'host.db'), migrations: hostMigrations });
    counts['sqlite'] = await countRows(store);
    await store.backupTo(join(home, 'copy.db'));
  }
  writeFileSync(file('db.gz'), gzipSync(readFileSync(join(home, 'copy.db')), { level: 9 }));
  await using server = await startPostgres();
  const target = { url: await server.createSchema(), password: server.password, migrations: hostMigrations };
  useTestStores({ open: () => openPostgresStore(target) });
  await useIt(home);
  {
    await using store = await openPostgresStore(target);
    counts['postgres'] = await countRows(store);
  }
  await dumpPostgres(target, join(home, 'copy.rows'));
  writeFileSync(file('rows.gz'), gzipSync(readFileSync(join(home, 'copy.rows')), { level: 9 }));
  writeFileSync(file('json'), `${JSON.stringify({ version: VERSION, counts }, undefined, 2)}\n`);
  rmSync(home, { recursive: true });
}

if (import.meta.main) await make();
