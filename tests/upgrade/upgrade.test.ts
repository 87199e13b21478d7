import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostMigrations } from '../../src/host/database.ts';
import { loadPostgres } from '../../src/storage/postgres/dump.ts';
import { openPostgresStore } from '../../src/storage/postgres/store.ts';
import { openSqliteStore } from '../../src/storage/sqlite/store.ts';
import { hasPostgres, startPostgres, type TestPostgres } from '../../src/testing/postgres.ts';
import { createScriptedModel } from '../../src/testing/scripted-model.ts';
import { createTestCore, type TestCore } from '../../src/testing/test-core.ts';
import { useTestStores } from '../../src/testing/test-stores.ts';
import { countRows } from './make-fixture.ts';

/** This version opens the database of every released one, loses no row of it and goes on with what was open. */
const FIXTURES = join(import.meta.dirname, 'fixtures');
const VERSIONS = readdirSync(FIXTURES).flatMap((name) => /^(.+)\.json$/.exec(name)?.[1] ?? []);

interface Facts {
  readonly counts: Readonly<Record<'sqlite' | 'postgres', Record<string, number>>>;
}

const factsOf = (version: string): Facts => JSON.parse(readFileSync(join(FIXTURES, `${version}.json`), 'utf8'));

function unpacked(version: string, suffix: 'db' | 'rows'): { home: string; file: string } {
  const home = mkdtempSync(join(tmpdir(), 'holdfast-upgrade-'));
  const file = join(home, `host.${suffix}`);
  writeFileSync(file, gunzipSync(readFileSync(join(FIXTURES, `${version}.${suffix}.gz`))));
  return { home, file };
}

/** The conversation is there, and the run that waited for a person goes on when the person answers. */
async function goOn(world: TestCore): Promise<void> {
  const [session] = await world.core.sessions.list('operator');
  const history = await world.core.inbox.history(session?.id ?? '', 10);
  expect(history.map((message) => message.text)).toEqual(['hello', 'work alone', 'work in a folder']);
  expect(history[0]?.answer).toBe('You said hello – ж🙂');
  await world.core.recover();
  const [card] = await world.core.approvals.list('pending');
  await world.core.approvals.decide(card?.id ?? '', 'denied', { id: 'owner', surface: 'cli' });
  await world.core.manager.settled(history[2]?.run_id ?? '', AbortSignal.timeout(20_000));
  expect((await world.core.inbox.get(history[2]?.id ?? '')).state).toBe('answered');
}

const model = () => createScriptedModel(() => 'done');

it('has a fixture of a release', () => expect(VERSIONS.length).toBeGreaterThan(0));

describe.each(VERSIONS)('a database of %s', (version) => {
  it('in SQLite is opened with every row and goes on', async () => {
    const { home, file } = unpacked(version, 'db');
    try {
      {
        await using store = await openSqliteStore({ path: file, migrations: hostMigrations });
        expect(await countRows(store)).toMatchObject(factsOf(version).counts.sqlite);
      }
      await using world = await createTestCore({ model: model(), home });
      await goOn(world);
    } finally {
      rmSync(home, { recursive: true });
    }
  });

  describe.runIf(hasPostgres())('in PostgreSQL', () => {
    let server: TestPostgres;
    beforeAll(async () => {
      server = await startPostgres();
    });
    afterAll(async () => {
      await server[Symbol.asyncDispose]();
    });

    it('is opened with every row and goes on', async () => {
      const { home, file } = unpacked(version, 'rows');
      const target = { url: await server.createSchema(), password: server.password, migrations: hostMigrations };
      const known = hostMigrations.map(({ name, postgres }) => ({ name, statements: postgres }));
      try {
        await loadPostgres(target, file, known);
        {
          await using store = await openPostgresStore(target);
          expect(await countRows(store)).toMatchObject(factsOf(version).counts.postgres);
        }
        useTestStores({ open: () => openPostgresStore(target) });
        await using world = await createTestCore({ model: model(), home });
        await goOn(world);
      } finally {
        rmSync(home, { recursive: true });
      }
    });
  });
});
