import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasPostgres, startPostgres, type TestPostgres } from '../../testing/postgres.ts';
import { CONFORMANCE_MIGRATION } from '../store.conformance.ts';
import type { Migration } from '../store.ts';
import { dumpPostgres, emptyPostgres, loadPostgres } from './dump.ts';
import { openPostgresStore } from './store.ts';

const second: Migration = { name: '0002-notes', sqlite: [], postgres: ['CREATE TABLE notes (id TEXT PRIMARY KEY)'] };
const ALL = [CONFORMANCE_MIGRATION, second];
const known = ALL.map(({ name, postgres }) => ({ name, statements: postgres }));

describe.runIf(hasPostgres())('a dump of PostgreSQL', () => {
  let server: TestPostgres;
  const directory = mkdtempSync(join(tmpdir(), 'hf-dump-'));
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });
  const target = (url: string) => ({ url, password: server.password });
  const open = (url: string, migrations: readonly Migration[] = ALL) =>
    openPostgresStore({ ...target(url), migrations });
  const rows = async (url: string, migrations?: readonly Migration[]) => {
    await using store = await open(url, migrations);
    return {
      items: await store.read({ sql: 'SELECT * FROM items ORDER BY id', parameters: [] }),
      log: await store.read({ sql: 'SELECT * FROM log ORDER BY seq', parameters: [] }),
    };
  };
  const insert = (id: string, body: string, bytes: Uint8Array | null = null) => ({
    sql: 'INSERT INTO items (id, version, body, bytes) VALUES ($1, 9007199254740993, $2, $3)',
    parameters: [id, body, bytes],
  });
  const log = (text: string) => ({ sql: 'INSERT INTO log (text) VALUES ($1) RETURNING seq', parameters: [text] });
  async function filled(migrations?: readonly Migration[]): Promise<string> {
    const url = await server.createSchema();
    await using store = await open(url, migrations);
    await store.write([insert('a', 'ж🙂"\\\n', Uint8Array.from([0, 255, 92])), insert('b', '')]);
    await Promise.all(Array.from({ length: 1_203 }, (_, n) => store.write([log(`line ${n}`)])));
    return url;
  }

  it('loaded elsewhere is the same to the last value, and numbering goes on', async () => {
    const from = await filled();
    const file = join(directory, 'one.rows');
    await dumpPostgres(target(from), file);
    const to = await server.createSchema();
    expect(await loadPostgres(target(to), file, known)).toBeUndefined();
    expect(await rows(to)).toEqual(await rows(from));
    await using store = await open(to);
    const [result] = await store.write([log('next')]);
    expect(result?.rows[0]?.seq).toBe(1_204);
    await expect(dumpPostgres(target(from), file)).rejects.toThrow(/EEXIST/);
  });

  it('keeps what was there in a schema of its own', async () => {
    const url = await filled();
    const file = join(directory, 'two.rows');
    await dumpPostgres(target(url), file);
    {
      await using store = await open(url);
      await store.write([insert('later', 'x')]);
    }
    const aside = await loadPostgres(target(url), file, known);
    expect((await rows(url)).items.map((row) => row.id)).toEqual(['a', 'b']);
    await using store = await open(url);
    const kept = await store.read({ sql: `SELECT id FROM ${aside}.items ORDER BY id`, parameters: [] });
    expect(kept.map((row) => row.id)).toEqual(['a', 'b', 'later']);
  });

  it('of an earlier version is loaded with the tables of that version and migrated at the next start', async () => {
    const from = await filled([CONFORMANCE_MIGRATION]);
    const file = join(directory, 'three.rows');
    await dumpPostgres(target(from), file);
    const to = await server.createSchema();
    await loadPostgres(target(to), file, known);
    expect((await rows(to, [CONFORMANCE_MIGRATION])).items).toHaveLength(2);
    await using store = await open(to);
    expect(await store.read({ sql: 'SELECT * FROM notes', parameters: [] })).toEqual([]);
  });

  it('is refused while a host writes, when damaged and when of another build; then nothing is changed', async () => {
    const url = await filled();
    const file = join(directory, 'four.rows');
    await dumpPostgres(target(url), file);
    const before = await rows(url);
    {
      await using _store = await open(url);
      await expect(loadPostgres(target(url), file, known)).rejects.toMatchObject({ code: 'conflict' });
      await expect(emptyPostgres(target(url))).rejects.toMatchObject({ code: 'conflict' });
    }
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    const damaged = { cut: lines.slice(0, -1), short: lines.toSpliced(5, 1), garbled: lines.with(4, '["half') };
    for (const [name, content] of Object.entries(damaged)) {
      writeFileSync(join(directory, name), content.join('\n'));
      await expect(loadPostgres(target(url), join(directory, name), known), name).rejects.toMatchObject({
        code: 'storage.corrupt',
      });
    }
    const other = known.map((one) => ({ ...one, statements: [...one.statements, 'SELECT 1'] }));
    await expect(loadPostgres(target(url), file, other)).rejects.toThrow(/another Holdfast/);
    expect(await rows(url)).toEqual(before);
    await emptyPostgres(target(url));
    expect((await rows(url)).items).toEqual([]);
  });
});
