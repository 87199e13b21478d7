import { chmod, link, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { processEntry } from '../../base/entry.ts';
import { uuidv7 } from '../../base/id.ts';
import type { ErrorShape } from '../../protocol/error.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { fromShape } from './errors.ts';

/** A consistent copy by `VACUUM INTO` in a thread of its own: neither the writer nor the event loop waits for it. */
export async function backupDatabase(path: string, target: string): Promise<void> {
  const temporary = `${target}.${uuidv7()}.tmp`;
  try {
    await copyInThread(path, temporary);
    await chmod(temporary, 0o600);
    await sync(temporary);
    await publish(temporary, target);
    await sync(dirname(target));
  } finally {
    await rm(temporary, { force: true });
  }
}

function copyInThread(path: string, target: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(processEntry(import.meta.url, './backup-thread'), {
      workerData: { path, target },
      execArgv: [],
    });
    worker.once('message', (error: ErrorShape | null) => (error ? reject(fromShape(error)) : resolve()));
    worker.once('error', reject);
    worker.once('exit', () => reject(new HoldfastError('internal', 'The backup thread ended without a word.')));
  });
}

/** A hard link fails when the name is taken, where a rename would replace it. */
async function publish(temporary: string, target: string): Promise<void> {
  try {
    await link(temporary, target);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    throw new HoldfastError('conflict', `${target} exists already.`, {
      remedy: 'Give another name, or remove it first.',
    });
  }
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
