import type { DatabaseSync } from 'node:sqlite';
import { VaultEvent } from '../../protocol/audit.ts';
import type { Door } from '../http/route.ts';

/**
 * What was changed at the vault's doors, for the host's audit chain. The host may be down, or be the one who is asked
 * about: so the vault writes it down itself, and the host copies it into the chain when it can. Names only.
 */
export interface VaultEvents {
  record(event: { door: Door; action: string; target: string; outcome: string }): void;
  /** At most 500 after `id`, oldest first. */
  after(id: number): VaultEvent[];
}

/** More than that is one that asks in a circle; the newest tell enough. */
const MOST_KEPT = 100_000;
const PAGE = 500;
const PRUNE_EVERY = 1_000;

export function createVaultEvents(database: DatabaseSync, now: () => number): VaultEvents {
  const insert = database.prepare(
    'INSERT INTO audit_events (at, door, action, target, outcome) VALUES (?, ?, ?, ?, ?)',
  );
  const page = database.prepare('SELECT * FROM audit_events WHERE id > ? ORDER BY id LIMIT ?');
  const prune = database.prepare('DELETE FROM audit_events WHERE id <= ?');
  return {
    record: ({ door, action, target, outcome }) => {
      const { lastInsertRowid } = insert.run(now(), door, action, target.slice(0, 300), outcome);
      const id = Number(lastInsertRowid);
      if (id % PRUNE_EVERY === 0) prune.run(id - MOST_KEPT);
    },
    after: (id) => page.all(id, PAGE).map((row) => VaultEvent.parse({ ...row })),
  };
}
