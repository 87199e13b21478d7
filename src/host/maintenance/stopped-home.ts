import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { Home } from '../../base/home.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { lockDatabase } from '../../storage/sqlite/file-lock.ts';

/**
 * Holds a home against every process that would use it: the lock of the host's database, and the vault's, which is
 * SQLite's exclusive mode. Throws `conflict` when one of them runs. With PostgreSQL the server's own lock comes on top.
 */
export function holdStoppedHome(home: Home): Disposable {
  using cleanup = new DisposableStack();
  cleanup.use(lockDatabase(home.hostDatabase));
  checkVaultIsFree(home);
  return cleanup.move();
}

function checkVaultIsFree(home: Home): void {
  if (!existsSync(home.vaultDatabase)) return;
  const db = new DatabaseSync(home.vaultDatabase, { timeout: 0 });
  try {
    db.exec('BEGIN IMMEDIATE; ROLLBACK');
  } catch (error) {
    const busy = error instanceof Error && /locked|busy/.test(error.message);
    if (!busy) return; // A damaged vault must not keep anybody from restoring a good one.
    throw new HoldfastError('conflict', `The vault of ${home.root} runs.`, { remedy: 'holdfast stop', cause: error });
  } finally {
    db.close();
  }
}
