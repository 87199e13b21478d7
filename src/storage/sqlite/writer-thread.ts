/**
 * The one writer of a database file, in a thread of its own so that an fsync never stalls a stream. It opens the file,
 * checks it, migrates it and then commits one group per message. Started by `openSqliteStore` only.
 */
import { DatabaseSync } from 'node:sqlite';
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { corrupt, fromSqlite } from './errors.ts';
import { migrateSqlite } from './migrate.ts';
import { UnitWriter } from './unit-writer.ts';
import {
  decodeUnits,
  encodeOutcomes,
  type WriterReply,
  type WriterRequest,
  type WriterSetup,
} from './writer-protocol.ts';

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

/**
 * Takes requests until told to close. Between two it sleeps on the counter, not in an event loop, whose wake-up takes
 * twice as long.
 */
function serve(port: MessagePort, setup: WriterSetup, db: DatabaseSync): void {
  const writer = new UnitWriter(db, setup.path);
  const requests = new Int32Array(setup.requests);
  const texts: string[] = [];
  const reply = (message: WriterReply): void => port.postMessage(message);
  for (;;) {
    const request = nextRequest(port, requests);
    if (request.kind === 'close') break;
    if (request.resetSql) texts.length = 0;
    texts.push(...request.newSql);
    const units = decodeUnits(request.units, texts);
    reply(encodeOutcomes(units, writer.commit(units)));
  }
  db.close();
  reply({ kind: 'closed' });
}

function nextRequest(port: MessagePort, requests: Int32Array): WriterRequest {
  for (;;) {
    const seen = Atomics.load(requests, 0);
    const received = receiveMessageOnPort(port);
    if (received) return received.message;
    Atomics.wait(requests, 0, seen);
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
