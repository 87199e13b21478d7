import type { DatabaseSync } from 'node:sqlite';
import type { HoldfastError } from '../../protocol/error.ts';
import { checkpoint, databaseError, transact } from './database.ts';

/**
 * Group commit: what is written during one turn of the event loop commits together, in its order. A write with a promise is
 * durable (against the death of the process) when it resolves; one without tells `onWriteError` when it failed.
 */
export interface GroupWriter {
  /** Rejects with the database's error; a repeated key fails alone, with SQLite's own error as the cause. */
  write(run: () => void): Promise<void>;
  enqueue(run: () => void): void;
  /** Commits what waits. */
  flush(): void;
  /** Makes what was committed survive a power cut too. */
  sync(): void;
}

export interface GroupWriterDeps {
  readonly database: DatabaseSync;
  readonly path: string;
  readonly onWriteError: (error: HoldfastError) => void;
}

interface Write {
  run(): void;
  resolve?: () => void;
  reject?: (error: Error) => void;
}

const DUPLICATE = /UNIQUE constraint failed/;

export function createGroupWriter({ database, path, onWriteError }: GroupWriterDeps): GroupWriter {
  let queue: Write[] = [];
  let scheduled = false;
  let unsynced = false;

  const flush = (): void => {
    const group = queue;
    if (group.length === 0) return;
    queue = [];
    unsynced = true;
    try {
      if (group.length === 1) runAll(group);
      else transact(database, () => runAll(group));
      for (const write of group) write.resolve?.();
    } catch (error) {
      const reason = databaseError(error, path);
      for (const write of group) {
        if (write.reject) write.reject(reason);
        else onWriteError(reason);
      }
    }
  };
  const add = (write: Write): void => {
    queue.push(write);
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      flush();
    });
  };
  return {
    write: (run) => new Promise((resolve, reject) => add(guarded(run, resolve, reject))),
    enqueue: (run) => add({ run }),
    flush,
    sync: () => {
      flush();
      if (!unsynced) return;
      unsynced = false;
      checkpoint(database);
    },
  };
}

export function isDuplicate(error: unknown): error is Error {
  return error instanceof Error && DUPLICATE.test(error.message);
}

/** One bad row (a repeated call id) fails alone; its neighbours in the group commit. */
function guarded(run: () => void, resolve: () => void, reject: (error: Error) => void): Write {
  let failed: Error | undefined;
  return {
    run: () => {
      try {
        run();
      } catch (error) {
        if (!isDuplicate(error)) throw error;
        failed = error;
      }
    },
    resolve: () => (failed === undefined ? resolve() : reject(failed)),
    reject,
  };
}

function runAll(group: readonly Write[]): void {
  for (const write of group) write.run();
}
