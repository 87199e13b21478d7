/** Copies one database into a new file and says null, or why not. Started by `backupDatabase` only. */
import { DatabaseSync } from 'node:sqlite';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { fromSqlite } from './errors.ts';

function main(port: MessagePort, task: { readonly path: string; readonly target: string }): void {
  try {
    const db = new DatabaseSync(task.path, { readOnly: true, timeout: 5_000 });
    try {
      db.prepare('VACUUM INTO ?').run(task.target);
    } finally {
      db.close();
    }
    port.postMessage(null);
  } catch (error) {
    port.postMessage(fromSqlite(error, task.target).toShape());
  }
}

if (parentPort) main(parentPort, workerData);
