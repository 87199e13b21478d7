/**
 * The one writer of a database file, in a thread of its own so that an fsync never stalls a stream. It opens the file,
 * checks it, migrates it and then commits one group per message. Started by `openSqliteStore` only.
 */
import { DatabaseSync } from 'node:sqlite';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { corrupt, fromSqlite } from './errors.ts';
import { migrateSqlite } from './migrate.ts';
import { UnitWriter } from './unit-writer.ts';
import type { WriterReply, WriterRequest, WriterSetup } from './writer-protocol.ts';

const BUSY_TIMEOUT_MS = 5_000;
const LARGEST_IDLE_WAL_BYTES = 67_108_864;

function open(setup: WriterSetup): DatabaseSync {
  const db = new DatabaseSync(setup.path, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
  try {
    check(db, setup.path);
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;');
    db.exec(`PRAGMA journal_size_limit = ${LARGEST_IDLE_WAL_BYTES}`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function check(db: DatabaseSync, path: string): void {
  const finding = db.prepare('PRAGMA quick_check(1)').get()?.quick_check;
  if (finding !== 'ok') throw corrupt(path, String(finding));
}

function serve(port: MessagePort, db: DatabaseSync, path: string): void {
  const writer = new UnitWriter(db, path);
  let texts: string[] = [];
  const reply = (message: WriterReply): void => port.postMessage(message);
  port.on('message', (request: WriterRequest) => {
    if (request.kind === 'close') {
      db.close();
      reply({ kind: 'closed' });
      port.close();
      return;
    }
    if (request.resetSql) texts = [];
    texts.push(...request.newSql);
    const units = request.units.map((unit) =>
      unit.map((statement) => ({ ...statement, sql: texts[statement.sql] ?? '' })),
    );
    reply({ kind: 'group', outcomes: writer.commit(units) });
  });
}

function main(port: MessagePort, setup: WriterSetup): void {
  let db: DatabaseSync | undefined;
  try {
    db = open(setup);
    const report = migrateSqlite(db, setup.path, setup.migrations);
    if (setup.maxPages !== undefined) db.exec(`PRAGMA max_page_count = ${setup.maxPages}`);
    serve(port, db, setup.path);
    port.postMessage({ kind: 'ready', ...report } satisfies WriterReply);
  } catch (error) {
    db?.close();
    port.postMessage({ kind: 'refused', error: fromSqlite(error, setup.path).toShape() } satisfies WriterReply);
    port.close();
  }
}

if (parentPort) main(parentPort, workerData);
