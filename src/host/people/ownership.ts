import { matchGlob } from '../../policy/glob.ts';
import { readOne } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { Shares } from './shares.ts';

/** A thing that a route names. */
export interface Named {
  readonly of: 'run' | 'session' | 'message' | 'approval' | 'artifact' | 'blob';
  readonly id: string;
}

/**
 * Whose a thing is. A session belongs to a person; a run, and what it made or asked, to the person it acts for. What is
 * shared is seen by others and stays its person's.
 */
export interface Ownership {
  /** `own`: it must be theirs, to be seen is not enough. */
  sees(person: string, thing: Named & { readonly own: boolean }): Promise<boolean>;
  /** Whether it is of an agent that one of the globs names. */
  isOfAgents(thing: Named, globs: readonly string[]): Promise<boolean>;
  /** For the event stream: whose a run is. `undefined`: there is no such run. */
  ofRun(runId: string): Promise<Owned | undefined>;
  ofSession(sessionId: string): Promise<Owned | undefined>;
}

export interface Owned {
  readonly principal: string;
  readonly agentId: string;
  readonly sessionId: string | null;
}

export function createOwnership(deps: {
  store: Store;
  sql: HostSql;
  shares: Pick<Shares, 'sees' | 'sessionsFor'>;
}): Ownership {
  const { store, sql, shares } = deps;
  const ofRun: Ownership['ofRun'] = async (runId) => {
    const query = sql.selectFrom('runs').select(['principal', 'agent_id', 'session_id']).where('id', '=', runId);
    const row = await readOne(store, query);
    return row && { principal: row.principal, agentId: row.agent_id, sessionId: row.session_id };
  };
  const ofSession: Ownership['ofSession'] = async (id) => {
    const query = sql.selectFrom('sessions').select(['principal', 'agent_id']).where('id', '=', id);
    const row = await readOne(store, query);
    return row && { principal: row.principal, agentId: row.agent_id, sessionId: id };
  };
  const runOf = async (table: 'approvals' | 'artifacts', id: string): Promise<Owned | undefined> => {
    const row = await readOne(store, sql.selectFrom(table).select('run_id').where('id', '=', id));
    return row === undefined ? undefined : await ofRun(row.run_id);
  };
  const find = async ({ of, id }: Named): Promise<Owned | undefined> => {
    if (of === 'run') return await ofRun(id);
    if (of === 'session') return await ofSession(id);
    if (of === 'approval') return await runOf('approvals', id);
    if (of === 'artifact') return await runOf('artifacts', id);
    const message = await readOne(store, sql.selectFrom('inbox').select('session_id').where('id', '=', id));
    return message === undefined ? undefined : await ofSession(message.session_id);
  };
  const may = (person: string, owned: Owned, own: boolean): boolean =>
    owned.principal === person || (!own && owned.sessionId !== null && shares.sees(person, owned.sessionId));
  return {
    ofRun,
    ofSession,
    sees: async (person, { own, ...thing }) => {
      if (thing.of === 'blob') return await seesBlob(deps, person, thing.id);
      const owned = await find(thing);
      return owned !== undefined && may(person, owned, own);
    },
    isOfAgents: async (thing, globs) => {
      if (thing.of === 'blob') return false; // A blob is of no one agent: a key that was narrowed reads none by its hash.
      const owned = await find(thing);
      return owned !== undefined && globs.some((glob) => matchGlob(glob, owned.agentId));
    },
  };
}

/** Outputs are stored by their content: whoever has an event that names it may read it, and nobody else, hash or not. */
async function seesBlob(
  { store, sql, shares }: { store: Store; sql: HostSql; shares: Pick<Shares, 'sessionsFor'> },
  person: string,
  hash: string,
): Promise<boolean> {
  const mine = sql
    .selectFrom('events')
    .innerJoin('runs', 'runs.id', 'events.run_id')
    .select('events.seq')
    .where((where) =>
      where.or([
        where('runs.principal', '=', person),
        where('runs.session_id', 'in', ['', ...shares.sessionsFor(person)]),
      ]),
    )
    .where('events.type', 'in', ['effect.finished', 'artifact.created'])
    .where('events.payload', 'like', `%${hash}%`)
    .limit(1);
  return /^[0-9a-f]{64}$/.test(hash) && (await readOne(store, mine)) !== undefined;
}
