import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { FreezeView } from '../../protocol/freeze.ts';
import { readAll, run, toStatement } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { Journal } from '../journal/journal.ts';
import { EVERYTHING, type Frozen, type FrozenSet } from './frozen-set.ts';
import type { FreezesTable } from './tables.ts';

/**
 * The kill switch. What it does, in this order, without waiting for one before the next: nothing more is executed; the
 * vault shuts every way out, model stream and credential; the runs under way are let go and their sandboxes ended; it is
 * written down. A run that is let go writes nothing, as if the host had died: when it is resumed, its journal says which
 * calls were cut, and their outcome is unknown unless they may be repeated.
 *
 * Freezing only takes away, so it never waits for the database or for the vault, and whatever of it fails is tried again.
 * What ends it is decided by the vault, which asks for the owner's terminal or for a second factor; the host follows.
 */
export interface Freeze {
  readonly frozen: FrozenSet;
  /** Resolves when everything of it is cut. Frozen again changes nothing. */
  freeze(request: FreezeWanted): Promise<FreezeOutcome>;
  /** Looks at what the vault says: begins what is frozen there, ends what is not any more. */
  look(by?: { readonly actor: string; readonly surface: string }): Promise<void>;
  /** What an earlier life of the host had frozen, and then `look`. Before anything is executed. */
  open(): Promise<void>;
  /** Keeps looking, until the signal fires. */
  run(signal: AbortSignal): Promise<void>;
  /** Called at once with a scope that was frozen or (`false`) resumed, for rooms that hold something of their own. */
  onChange(listener: (scope: string, frozen: boolean) => void): Disposable;
}

export interface FreezeWanted {
  readonly scope: string;
  readonly reason: string;
  readonly actor: string;
  readonly surface: string;
}

export interface FreezeOutcome {
  /** Whether the vault has shut its doors; it is told again until it has. */
  readonly vault: boolean;
  /** Runs that were let go. */
  readonly runs: number;
  readonly ms: number;
}

export interface FreezeDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly journal: Journal;
  readonly frozen: FrozenSet;
  readonly vault: FreezableVault;
  /** Lets the runs of an agent (`undefined`: all) go and ends their sandboxes. Resolves with how many there were. */
  readonly stopRuns: (agentId: string | undefined) => Promise<number>;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface FreezableVault {
  freeze(request: { agent: string; reason: string }): Promise<void>;
  frozen(): Promise<readonly FreezeView[]>;
}

const LOOK_EVERY_MS = 1_000;

export function createFreeze(deps: FreezeDeps): Freeze {
  const { store, sql, frozen, vault, clock, log } = deps;
  const listeners = new Set<(scope: string, frozen: boolean) => void>();
  const acknowledged = new Set<string>();
  const unwritten = new Map<string, Frozen>();
  const tell = (scope: string, is: boolean): void => {
    for (const listener of listeners) listener(scope, is);
  };

  const shutVault = async (one: Frozen): Promise<boolean> => {
    try {
      await vault.freeze({ agent: one.scope, reason: one.reason });
      acknowledged.add(one.scope);
      return true;
    } catch (error) {
      log.error('The vault could not be frozen; it is told again', { scope: one.scope, error });
      return false;
    }
  };

  const keep = async (one: Frozen): Promise<void> => {
    unwritten.set(one.scope, one);
    try {
      await write(deps, one, acknowledged.has(one.scope));
      unwritten.delete(one.scope);
    } catch (error) {
      log.error('A freeze is in force but could not be written down; it is tried again', { scope: one.scope, error });
    }
  };

  const begin = async (one: Frozen, tellVault: boolean): Promise<FreezeOutcome> => {
    const startedAt = performance.now();
    frozen.add(one);
    const shut = tellVault ? shutVault(one) : Promise.resolve(true);
    const stopped = deps.stopRuns(one.scope === EVERYTHING ? undefined : one.scope);
    tell(one.scope, true);
    const [inVault, runs] = await Promise.all([shut, stopped]);
    const ms = Math.round(performance.now() - startedAt);
    await keep(one);
    log.warn('Frozen', { scope: one.scope, by: one.actor, surface: one.surface, runs, ms });
    return { vault: inVault, runs, ms };
  };

  const end = async (scope: string, by: { actor: string; surface: string; reason: string }): Promise<void> => {
    await forget(deps, scope, by);
    acknowledged.delete(scope);
    unwritten.delete(scope);
    frozen.delete(scope);
    tell(scope, false);
    log.warn('Resumed', { scope });
  };

  /** Whatever an earlier moment failed to do. */
  const catchUp = async (): Promise<void> => {
    for (const one of [...unwritten.values()]) await keep(one);
    for (const one of frozen.all())
      if (!acknowledged.has(one.scope) && (await shutVault(one))) await acknowledge(deps, one.scope);
  };

  const look: Freeze['look'] = async (by = { actor: 'owner', surface: 'vault' }) => {
    await catchUp();
    const there = new Map((await vault.frozen()).map((view) => [view.agent, view]));
    for (const view of there.values()) {
      acknowledged.add(view.agent);
      if (!frozen.all().some((one) => one.scope === view.agent)) await begin(fromVault(view), false);
    }
    for (const { scope } of frozen.all())
      if (acknowledged.has(scope) && !there.has(scope))
        await end(scope, { ...by, reason: 'The vault was told to go on.' });
  };

  return {
    frozen,
    freeze: async (request) => {
      const one: Frozen = { ...request, reason: request.reason.slice(0, 500), at: clock.now() };
      if (frozen.all().some(({ scope }) => scope === request.scope))
        return await again(deps, acknowledged, request.scope);
      return await begin(one, true);
    },
    look,
    open: async () => {
      for (const row of await readAll<FreezesTable>(store, sql.selectFrom('freezes').selectAll())) {
        frozen.add({ ...row, at: Number(row.at) });
        if (Number(row.in_vault) === 1) acknowledged.add(row.scope);
      }
      await look().catch((error: unknown) => log.warn('The vault could not be asked what is frozen', { error }));
    },
    run: async (signal) => {
      while (!signal.aborted) {
        await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
        if (!signal.aborted) await look().catch((error: unknown) => quiet(error, log));
      }
    },
    onChange: (listener) => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
  };
}

async function again(deps: FreezeDeps, acknowledged: ReadonlySet<string>, scope: string): Promise<FreezeOutcome> {
  const runs = await deps.stopRuns(scope === EVERYTHING ? undefined : scope);
  return { vault: acknowledged.has(scope), runs, ms: 0 };
}

function fromVault({ agent, reason, source, at }: FreezeView): Frozen {
  return { scope: agent, reason, actor: source === 'owner' ? 'owner' : source, surface: 'vault', at };
}

/** The row, the event that tells screens, and (by the journal) the audit row: one unit. */
async function write({ sql, journal }: FreezeDeps, one: Frozen, inVault: boolean): Promise<void> {
  const { scope, reason, actor, surface, at } = one;
  const row = { scope, reason, actor, surface, at, in_vault: inVault ? 1 : 0 };
  const insert = sql.insertInto('freezes').values(row);
  await journal.append(
    [{ agentId: agentOf(scope), event: { type: 'freeze.changed', scope, frozen: true, reason, by: actor, surface } }],
    [toStatement(insert.onConflict((conflict) => conflict.column('scope').doUpdateSet(row)))],
  );
}

async function acknowledge({ store, sql }: FreezeDeps, scope: string): Promise<void> {
  await run(store, sql.updateTable('freezes').set({ in_vault: 1 }).where('scope', '=', scope));
}

async function forget(
  { sql, journal }: FreezeDeps,
  scope: string,
  by: { actor: string; surface: string; reason: string },
): Promise<void> {
  const { reason, actor, surface } = by;
  await journal.append(
    [{ agentId: agentOf(scope), event: { type: 'freeze.changed', scope, frozen: false, reason, by: actor, surface } }],
    [toStatement(sql.deleteFrom('freezes').where('scope', '=', scope))],
  );
}

const agentOf = (scope: string): string | undefined => (scope === EVERYTHING ? undefined : scope);

/** A vault that is down or locked is told elsewhere, each second would be too often. */
function quiet(error: unknown, log: Logger): void {
  const { code } = HoldfastError.from(error);
  if (code !== 'vault.unreachable' && code !== 'timeout' && code !== 'vault.locked')
    log.warn('What is frozen could not be looked at', { error });
}
