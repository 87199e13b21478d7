/**
 * The one writer of a database file, in a thread of its own so that an fsync never stalls a stream. It opens the file,
 * checks it, migrates it and then commits one group per message. Started by `openSqliteStore` only.
 */
import { DatabaseSync } from 'node:sqlite';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { corrupt, fromSqlite } from './errors.ts';
import { migrateSqlite } from './migrate.ts';
import { RequestQueue } from './request-queue.ts';
import { UnitWriter } from './unit-writer.ts';
import { encodeOutcomes, type WriterReply, type WriterSetup } from './writer-protocol.ts';

const BUSY_TIMEOUT_MS = 5_000;
const LARGEST_IDLE_WAL_BYTES = 67_108_864;
/** The log is folded into the file when nobody waits for a commit; in the middle of one only at this size (16 MiB). */
const LARGEST_WAL_PAGES = 4_000;
const COMMITS_WORTH_FOLDING = 64;

function open(setup: WriterSetup): DatabaseSync {
  const db = new DatabaseSync(setup.path, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
  try {
    check(db, setup.path);
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;');
    db.exec(`PRAGMA journal_size_limit = ${LARGEST_IDLE_WAL_BYTES}; PRAGMA wal_autocheckpoint = ${LARGEST_WAL_PAGES}`);
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

function serve(port: MessagePort, setup: WriterSetup, db: DatabaseSync): void {
  const writer = new UnitWriter(db, setup.path);
  const requests = new RequestQueue(port, setup.requests);
  const reply = (message: WriterReply): void => port.postMessage(message);
  let unfolded = 0;
  const idle = (): void => {
    if (unfolded >= COMMITS_WORTH_FOLDING) fold(db);
    unfolded = 0;
  };
  for (let units = requests.wait(idle); units; units = requests.wait(idle)) {
    unfolded += 1;
    const group = writer.commit(units, () => requests.take());
    reply(encodeOutcomes(group.units, group.outcomes));
  }
  db.close();
  reply({ kind: 'closed' });
}

/** As far as readers let it, and without waiting for any. What fails here fails again, and is told, at a commit. */
function fold(db: DatabaseSync): void {
  try {
    db.exec('PRAGMA wal_checkpoint(PASSIVE)');
  } catch {
    // The log has everything.
  }
}

function main(port: MessagePort, setup: WriterSetup): void {
  let db: DatabaseSync | undefined;
  try {
    db = open(setup);
    const report = migrateSqlite(db, setup.path, setup.migrations);
    if (setup.maxPages !== undefined) db.exec(`PRAGMA max_page_count = ${setup.maxPages}`);
    port.postMessage({ kind: 'ready', ...report } satisfies WriterReply);
    serve(port, setup, db);
  } catch (error) {
    if (db?.isOpen) db.close();
    port.postMessage({ kind: 'refused', error: fromSqlite(error, setup.path).toShape() } satisfies WriterReply);
  }
}

if (parentPort) main(parentPort, workerData);
