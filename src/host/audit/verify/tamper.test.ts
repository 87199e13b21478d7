import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../base/clock.ts';
import { firstLink, nextLink, rowDigest } from '../../../base/hash-chain.ts';
import { silentLogger } from '../../../base/logger.ts';
import { AuditConfig, type AuditReport, rowText } from '../../../protocol/audit.ts';
import { openSqliteStore } from '../../../storage/sqlite/store.ts';
import { createVaultWorld, type VaultWorld } from '../../../testing/vault-world.ts';
import { createHostSql, hostMigrations } from '../../database.ts';
import { createVaultClient } from '../../vault-client/vault-client.ts';
import { createFileAnchor } from '../anchors/file.ts';
import { createAudit } from '../audit.ts';
import { type StoredAuditRow, toAuditRow } from '../rows.ts';
import { createAuditSink } from '../sink.ts';
import { readHeads } from './read-heads.ts';
import { readDatabase } from './read-rows.ts';
import { verifyAudit } from './verify.ts';

/** A database with an audit, signed by a real vault at rows 10 and 20, and two rows more. */
async function makeAudit(home: string, heads: string, vault: VaultWorld) {
  const store = await openSqliteStore({ path: join(home, 'host.db'), migrations: hostMigrations });
  const sql = createHostSql('sqlite');
  const sink = createAuditSink({ store, sql, clock: systemClock });
  await using client = createVaultClient({ socketPath: vault.home.vaultHostSocket, log: silentLogger });
  const anchor = await createFileAnchor({ path: heads, home });
  const audit = createAudit({
    store,
    sql,
    sink,
    vault: client.audit,
    anchors: [anchor],
    config: AuditConfig.parse({}),
    clock: systemClock,
    log: silentLogger,
  });
  const add = async (from: number, to: number): Promise<void> => {
    for (let n = from; n <= to; n += 1)
      await sink.record({ actor: 'owner', surface: 'cli', action: 'test.row', target: `t${n}`, outcome: 'done' });
  };
  await add(1, 10);
  await audit.anchorNow();
  await add(11, 20);
  await audit.anchorNow();
  await add(21, 22);
  const status = await audit.status();
  await store[Symbol.asyncDispose]();
  return status;
}

/** Computes every link anew, as somebody with the database would who knows how. */
function relink(database: DatabaseSync): void {
  const chain = String(database.prepare('SELECT id FROM audit_chains').get()?.['id']);
  database.exec('DELETE FROM audit_links');
  const insert = database.prepare('INSERT INTO audit_links (seq, chain, position, link) VALUES (?, ?, ?, ?)');
  let link = firstLink(chain);
  const rows = database.prepare('SELECT * FROM audit ORDER BY seq').all() as unknown as StoredAuditRow[];
  for (const [index, row] of rows.entries()) {
    link = nextLink(link, rowDigest(rowText(toAuditRow(row))));
    insert.run(row.seq, chain, index + 1, link);
  }
}

const COLUMNS = 'at, actor, principal, surface, action, target, outcome, agent_id, run_id, args_hash, details';
const EDITS: readonly (readonly [string, string])[] = [
  ...COLUMNS.split(', ').map((name) => [`an edit of ${name}`, `UPDATE audit SET ${name} = '7' WHERE seq = 5`] as const),
  ['an edit of the first row', `UPDATE audit SET target = 'x' WHERE seq = 1`],
  ['an edit of the last attested row', `UPDATE audit SET target = 'x' WHERE seq = 20`],
  ['a deletion at the beginning', 'DELETE FROM audit WHERE seq = 1'],
  ['a deletion in the middle', 'DELETE FROM audit WHERE seq = 12'],
  ['a deletion at the end', 'DELETE FROM audit WHERE seq > 19'],
  ['a deletion of everything', 'DELETE FROM audit'],
  ['an insertion before everything', `INSERT INTO audit SELECT 0, ${COLUMNS} FROM audit WHERE seq = 3`],
  [
    'an insertion where a row was deleted',
    `DELETE FROM audit WHERE seq = 4; INSERT INTO audit SELECT 4, ${COLUMNS} FROM audit WHERE seq = 3`,
  ],
  [
    'two rows in each other’s place',
    'UPDATE audit SET seq = 1000 WHERE seq = 6; UPDATE audit SET seq = 6 WHERE seq = 7; UPDATE audit SET seq = 7 WHERE seq = 1000',
  ],
  ['a row moved to the end', 'UPDATE audit SET seq = 1000 WHERE seq = 6'],
  ['all rows one further', 'UPDATE audit SET seq = seq + 1000; UPDATE audit SET seq = seq - 999'],
  ['another chain id', `UPDATE audit_chains SET id = '${'f'.repeat(32)}'`],
  ['a chain that begins later', 'UPDATE audit_chains SET first_seq = 5'],
  ['rows hidden behind a second chain', `INSERT INTO audit_chains VALUES ('${'e'.repeat(32)}', 15, 0, 'x')`],
];

describe('audit verify', () => {
  let root: string;
  let heads: string;
  let vault: VaultWorld;
  let key: string | null;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'holdfast-tamper-'));
    heads = join(root, 'heads.jsonl');
    vault = await createVaultWorld();
    key = (await makeAudit(root, heads, vault)).publicKey;
  });
  afterAll(async () => {
    await vault[Symbol.asyncDispose]();
    await rm(root, { recursive: true, force: true });
  });

  const verifyFile = async (path: string, places = [heads]): Promise<AuditReport> => {
    using database = readDatabase(path);
    const read = await Promise.all(places.map((one) => readHeads(one, { branch: 'x', authorities: undefined })));
    return await verifyAudit(
      database,
      read.flatMap((one) => one.heads),
      { publicKey: key ?? '' },
    );
  };

  let copies = 0;
  const tampered = async (sql: string, hide: boolean): Promise<AuditReport> => {
    copies += 1;
    const path = join(root, `copy-${copies}.db`);
    await cp(join(root, 'host.db'), path);
    const database = new DatabaseSync(path);
    database.exec(sql);
    if (hide) relink(database);
    database.close();
    return await verifyFile(path);
  };

  it('finds nothing wrong with what nobody touched, and says what is not attested yet', async () => {
    const report = await verifyFile(join(root, 'host.db'));
    expect(report).toMatchObject({ ok: true, rows: 22, attested: 20, heads: 2, problems: [] });
    expect(report.warnings).toEqual(['2 rows are newer than the last head and not attested yet.']);
    expect(report.widestWindowMs).toBeLessThan(60_000);
  });

  it.each(EDITS)('finds %s', async (_what, sql) => {
    const report = await tampered(sql, false);
    expect(report.problems[0]).toMatch(
      /edited, deleted, inserted or moved|rows at the end are gone|replaced as a whole|another order/,
    );
    expect(report.ok).toBe(false);
  });

  it.each(EDITS)('finds %s when all links were made anew to hide it', async (_what, sql) => {
    expect((await tampered(sql, true)).ok).toBe(false);
  });

  it('names the row where it can', async () => {
    const report = await tampered(`UPDATE audit SET target = 'x' WHERE seq = 13`, false);
    expect(report.problems[0]).toMatch(/after 10 and up to 20 .*row 13 does not fit/);
    expect(report.attested).toBe(10);
  });

  it('says that it proves nothing without a head', async () => {
    const report = await verifyFile(join(root, 'host.db'), []);
    expect(report).toMatchObject({ ok: false, problems: [expect.stringContaining('nothing outside the database')] });
  });

  it('finds a database that was replaced whole, signed by the same vault', async () => {
    const other = await mkdtemp(join(tmpdir(), 'holdfast-other-'));
    await makeAudit(other, join(other, 'heads.jsonl'), vault);
    const report = await verifyFile(join(other, 'host.db'), [heads, join(other, 'heads.jsonl')]);
    expect(report.problems[0]).toContain('replaced as a whole');
    const alone = await verifyFile(join(other, 'host.db'), [join(other, 'heads.jsonl')]);
    expect(alone.warnings.join()).toContain('The vault has begun 2 chains');
    await rm(other, { recursive: true, force: true });
  });

  it('believes no head of another vault and no forged one', async () => {
    await using stranger = await createVaultWorld();
    const other = await mkdtemp(join(tmpdir(), 'holdfast-other-'));
    await makeAudit(other, join(other, 'heads.jsonl'), stranger);
    const report = await verifyFile(join(other, 'host.db'), [join(other, 'heads.jsonl')]);
    expect(report.problems.join()).toContain('signed with another key');
    await rm(other, { recursive: true, force: true });
    const forged = join(root, 'forged.jsonl');
    const lines = (await readFile(heads, 'utf8')).replaceAll('"count":20', '"count":19');
    execFileSync('sh', ['-c', 'cat > "$1"', 'sh', forged], { input: lines });
    expect((await verifyFile(join(root, 'host.db'), [forged])).problems.join()).toContain(
      'signature that does not hold',
    );
  });

  it('leaves out a line that a power cut cut short', async () => {
    const cut = join(root, 'cut.jsonl');
    const text = await readFile(heads, 'utf8');
    execFileSync('sh', ['-c', 'cat > "$1"', 'sh', cut], { input: `${text}${text.slice(0, 50)}` });
    expect((await verifyFile(join(root, 'host.db'), [cut])).ok).toBe(true);
  });
});
