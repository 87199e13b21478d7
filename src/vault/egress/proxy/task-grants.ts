import type { DatabaseSync } from 'node:sqlite';
import { type EgressRule, rulesOf } from '../../../protocol/egress.ts';
import { checkpoint } from '../../store/database.ts';

/** Places that the owner opened for one task: they hold for the sandbox of one run, and end with its door. */
export interface TaskGrants {
  of(run: string, agent: string): readonly EgressRule[];
  /** Whether all of these are open for the run already. */
  has(run: string, agent: string, places: readonly string[]): boolean;
  allow(run: string, agent: string, places: readonly string[]): void;
  /** All that is open for a run. */
  places(run: string): readonly string[];
  /** The run is over. */
  clear(run: string): void;
  onChange(listener: () => void): void;
}

const MOST_PER_RUN = 100;
/** Longer than the longest run: those whose sandbox never came. */
const KEPT_MS = 7 * 86_400_000;

export function createTaskGrants(database: DatabaseSync, now: () => number): TaskGrants {
  const byRun = new Map<string, Map<string, string>>();
  const listeners: (() => void)[] = [];
  database.prepare('DELETE FROM egress_task_grants WHERE granted_at < ?').run(now() - KEPT_MS);
  for (const row of database.prepare('SELECT run, agent, place FROM egress_task_grants').all())
    remember(byRun, String(row.run), { agent: String(row.agent), place: String(row.place) });
  const insert = database.prepare(
    'INSERT OR IGNORE INTO egress_task_grants (run, agent, place, granted_at) VALUES (?, ?, ?, ?)',
  );
  const remove = database.prepare('DELETE FROM egress_task_grants WHERE run = ?');
  const placesOf = (run: string, agent: string): readonly string[] =>
    [...(byRun.get(run) ?? [])].flatMap(([place, of]) => (of === agent ? [place] : []));
  return {
    of: (run, agent) => (byRun.has(run) ? rulesOf(placesOf(run, agent)) : []),
    has: (run, agent, places) => places.every((place) => placesOf(run, agent).includes(place)),
    allow: (run, agent, places) => {
      for (const place of places) {
        if ((byRun.get(run)?.size ?? 0) >= MOST_PER_RUN) break;
        insert.run(run, agent, place, now());
        remember(byRun, run, { agent, place });
      }
      checkpoint(database);
      for (const listener of listeners) listener();
    },
    places: (run) => [...(byRun.get(run)?.keys() ?? [])],
    clear: (run) => {
      if (byRun.delete(run)) remove.run(run);
    },
    onChange: (listener) => void listeners.push(listener),
  };
}

function remember(
  byRun: Map<string, Map<string, string>>,
  run: string,
  { agent, place }: { agent: string; place: string },
): void {
  byRun.set(run, (byRun.get(run) ?? new Map<string, string>()).set(place, agent));
}
