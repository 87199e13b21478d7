import type { DatabaseSync } from 'node:sqlite';
import { HoldfastError } from '../../protocol/error.ts';
import { FreezeView } from '../../protocol/freeze.ts';
import { checkpoint } from '../store/database.ts';

/** What is frozen. It outlives a restart: only the owner's word ends it. */
export interface Freezes {
  /** Why this agent gets nothing now, and what ends it. */
  of(agent: string): { readonly reason: string; readonly unlock: string } | undefined;
  /** The same as an error, `vault.frozen`. */
  refusal(agent: string): HoldfastError | undefined;
  /** Throws it. */
  check(agent: string): void;
  list(): readonly FreezeView[];
  /** `*` for all agents. Frozen again keeps the first reason. */
  freeze(agent: string, reason: string, source: FreezeView['source']): void;
  /** Ends one freeze; answers whether there was one. */
  unfreeze(agent: string): boolean;
  /** Called after every change, with it in force. */
  onChange(listener: () => void): void;
}

const EVERYTHING = '*';
/** More single freezes than this are one freeze of everything: a wall that is full must not stop being a wall. */
const MOST_FREEZES = 1_000;

export function createFreezes(database: DatabaseSync, now: () => number): Freezes {
  const frozen = new Map<string, FreezeView>();
  const listeners: (() => void)[] = [];
  for (const { scope, ...row } of database.prepare('SELECT scope, reason, source, at FROM freezes').all())
    frozen.set(String(scope), FreezeView.parse({ ...row, agent: scope }));
  const of: Freezes['of'] = (agent) => {
    const one = frozen.get(EVERYTHING) ?? frozen.get(agent);
    if (!one) return undefined;
    const who = one.agent === EVERYTHING ? 'Everything' : `The agent ${one.agent}`;
    return {
      reason: `${who} is frozen: ${one.reason}`,
      unlock: `holdfast vault unfreeze${one.agent === EVERYTHING ? '' : ` ${one.agent}`}`,
    };
  };
  const refusal: Freezes['refusal'] = (agent) => {
    const one = of(agent);
    return one && new HoldfastError('vault.frozen', one.reason, { remedy: `Only the owner ends it: ${one.unlock}` });
  };
  const changed = (): void => {
    checkpoint(database);
    for (const listener of listeners) listener();
  };
  return {
    of,
    refusal,
    check: (agent) => {
      const error = refusal(agent);
      if (error) throw error;
    },
    list: () => [...frozen.values()],
    freeze: (wanted, reason, source) => {
      const agent = frozen.size < MOST_FREEZES || frozen.has(wanted) ? wanted : EVERYTHING;
      const view: FreezeView = { agent, reason, source, at: now() };
      if (!frozen.has(agent)) frozen.set(agent, view);
      database
        .prepare('INSERT OR IGNORE INTO freezes (scope, reason, source, at) VALUES (?, ?, ?, ?)')
        .run(agent, reason, source, view.at);
      changed();
    },
    unfreeze: (agent) => {
      const had = frozen.has(agent);
      database.prepare('DELETE FROM freezes WHERE scope = ?').run(agent);
      frozen.delete(agent);
      changed();
      return had;
    },
    onChange: (listener) => void listeners.push(listener),
  };
}
