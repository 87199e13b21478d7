import type { Clock } from '../../base/clock.ts';
import { newId } from '../../base/id.ts';
import type { Logger } from '../../base/logger.ts';
import type { EgressConnection } from '../../protocol/egress.ts';
import type { JournalEvent, StoredEvent } from '../../protocol/event.ts';
import { ApprovalId } from '../../protocol/ids.ts';
import { readAll, readOne, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import { type Approvals, cardOf } from '../approvals/approvals.ts';
import type { HostSql } from '../database.ts';
import type { Journal } from '../journal/journal.ts';
import { taskCard } from './task-card.ts';

/**
 * What a run's programs did on the network, in the journal: one event for each connection, exactly once, because the
 * events and how far they go are one unit. A denial that the owner could lift becomes a card, once for each place. A yes
 * is carried to the vault, which opens the place only on the owner's own word or signature: the host alone widens nothing.
 */
export interface NetworkWatch {
  /** After a call of a tool in the sandbox: what the model should know. */
  look(run: WatchedRun): Promise<readonly string[]>;
  /** The run is over: whatever was open was cut. */
  end(run: Omit<WatchedRun, 'callId'>): Promise<void>;
  /** A person answered a card of ours: a yes goes to the vault at once. */
  answered(event: StoredEvent): void;
}

export interface WatchedRun {
  readonly runId: string;
  readonly agentId: string;
  readonly sessionId?: string | undefined;
  readonly callId: string;
}

/** What the vault is asked for. */
export interface NetworkSource {
  connections(run: string, after: number): Promise<readonly EgressConnection[]>;
  /** Carries a yes to the vault. `held`: it waits for the owner's own word, which `unlock` tells how to give. */
  openForTask(wanted: TaskPlace): Promise<Opened>;
}

export interface TaskPlace {
  readonly approvalId: string;
  readonly runId: string;
  readonly agentId: string;
  readonly place: string;
}

export type Opened = { readonly state: 'open' } | { readonly state: 'held'; readonly unlock: string };

export interface NetworkWatchDeps {
  readonly source: NetworkSource;
  readonly store: Store;
  readonly sql: HostSql;
  readonly journal: Journal;
  readonly approvals: Approvals;
  readonly approvalExpiresAfterMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A program that tries every host there is makes no more cards than these. */
const MOST_CARDS = 5;
const ASKED = 'egress:';

export function createNetworkWatch(deps: NetworkWatchDeps): NetworkWatch {
  const turns = new Map<string, Promise<unknown>>();
  const told = new Set<string>();
  /** One at a time for each run: calls of one message run side by side. */
  const inTurn = <T>(runId: string, work: () => Promise<T>): Promise<T> => {
    const mine = (turns.get(runId) ?? Promise.resolve()).then(work, work);
    const kept = mine.catch(() => undefined).finally(() => turns.get(runId) === kept && turns.delete(runId));
    turns.set(runId, kept);
    return mine;
  };
  const look: NetworkWatch['look'] = async (run) => {
    const asked = await journalNew(run, deps, false);
    const opened = await carryYes(run.runId, { ...deps, told });
    return [
      ...asked.map((place) => `a card asks the owner to open ${place} for this task; try again when it is open`),
      ...opened,
    ];
  };
  return {
    look: (run) => inTurn(run.runId, () => look(run)),
    answered: ({ event, runId }) => {
      if (event.type !== 'approval.decided' || event.outcome !== 'allowed' || runId === undefined) return;
      void inTurn(runId, () => openAt(event.approvalId, deps)).catch((error: unknown) =>
        deps.log.warn('a yes to a place on the network was not carried to the vault', { run: runId, error }),
      );
    },
    end: (run) => inTurn(run.runId, async () => void (await journalNew({ ...run, callId: '' }, deps, true))),
  };
}

/** Journals what ended since, and makes the cards; answers with the places that were asked for. */
async function journalNew(run: WatchedRun, deps: NetworkWatchDeps, isOver: boolean): Promise<readonly string[]> {
  const { store, sql, journal, source } = deps;
  const known = await readOne(
    store,
    sql.selectFrom('egress_cursors').select('last_id').where('run_id', '=', run.runId),
  );
  const rows = await source.connections(run.runId, Number(known?.last_id ?? 0));
  const open = rows.findIndex(({ verdict }) => verdict === 'open');
  const ended = open === -1 || isOver ? rows : rows.slice(0, open);
  const last = ended.at(-1);
  if (last === undefined) return [];
  const cards = isOver ? [] : await newCards(run, ended, deps);
  const of = { runId: run.runId, sessionId: run.sessionId, agentId: run.agentId };
  const events = [...ended.map(connectionEvent), ...cards.map(({ event }) => event)];
  await journal.append(
    events.map((event) => ({ ...of, event })),
    [cursor(sql, run.runId, last.id), ...cards.map(({ row }) => row)],
  );
  return cards.map(({ place }) => place);
}

function cursor(sql: HostSql, runId: string, lastId: number): Statement {
  return toStatement(
    sql
      .insertInto('egress_cursors')
      .values({ run_id: runId, last_id: lastId })
      .onConflict((conflict) => conflict.column('run_id').doUpdateSet({ last_id: lastId })),
  );
}

function connectionEvent(row: EgressConnection): JournalEvent {
  const { id, scheme, host, port, method, path, service, verdict, reason, bytesUp, bytesDown, startedAt } = row;
  const finishedAt = row.finishedAt ?? startedAt;
  const seen = { ...(method === '' ? {} : { method, path }), ...(service === '' ? {} : { service }) };
  const what = { scheme, host, port, verdict, reason, bytesUp, bytesDown, startedAt, finishedAt };
  return { type: 'egress.connection', connectionId: id, ...what, ...seen };
}

interface NewCard {
  readonly place: string;
  readonly event: JournalEvent;
  readonly row: Statement;
}

async function newCards(
  run: WatchedRun,
  rows: readonly EgressConnection[],
  { store, sql, approvals, approvalExpiresAfterMs, clock }: NetworkWatchDeps,
): Promise<readonly NewCard[]> {
  const denied = new Map(rows.flatMap((row) => (row.ask === '' ? [] : [[row.ask, row] as const])));
  if (denied.size === 0) return [];
  const before = await readAll(
    store,
    sql
      .selectFrom('approvals')
      .select('args_hash')
      .where('run_id', '=', run.runId)
      .where('args_hash', 'like', `${ASKED}%`),
  );
  const known = new Set(before.map(({ args_hash: hash }) => hash.slice(ASKED.length)));
  const wanted = [...denied].filter(([place]) => !known.has(place)).slice(0, Math.max(0, MOST_CARDS - known.size));
  return wanted.map(([place, denial]) => {
    const approvalId = newId(ApprovalId, 'apr');
    const card = taskCard(approvalId, run, denial);
    const expiresAt = clock.now() + approvalExpiresAfterMs;
    const row = approvals.insert({
      ...{ id: approvalId, run_id: run.runId, agent_id: run.agentId, session_id: run.sessionId ?? null },
      ...{ call_id: run.callId, args_hash: `${ASKED}${place}`, card: JSON.stringify(card) },
      ...{ requested_at: clock.now(), expires_at: expiresAt },
    });
    return { place, row, event: { type: 'approval.requested', approvalId, callId: run.callId, card, expiresAt } };
  });
}

/** Carries the yes to one approval, if it is one of ours. */
async function openAt(approvalId: string, { approvals, source }: NetworkWatchDeps): Promise<Opened | undefined> {
  const row = await approvals.get(approvalId);
  const grant = cardOf(row).egress;
  if (grant === undefined) return undefined;
  return await source.openForTask({ approvalId, runId: row.run_id, agentId: row.agent_id, place: grant.place });
}

/** What was allowed since: told once, whether it is open or waits for the owner's own word. */
async function carryYes(
  runId: string,
  { told, ...deps }: NetworkWatchDeps & { readonly told: Set<string> },
): Promise<readonly string[]> {
  const allowed = deps.sql
    .selectFrom('approvals')
    .select(['id', 'args_hash'])
    .where('run_id', '=', runId)
    .where('state', '=', 'allowed')
    .where('args_hash', 'like', `${ASKED}%`);
  const lines: string[] = [];
  for (const { id, args_hash: hash } of await readAll(deps.store, allowed)) {
    if (told.has(id)) continue;
    const opened = await openAt(id, deps);
    if (opened === undefined) continue;
    const waits = opened.state === 'held' ? `; it opens when the owner also types: ${opened.unlock}` : '';
    lines.push(`the owner allowed ${hash.slice(ASKED.length)} for this task${waits}`);
    told.add(id);
  }
  return lines;
}
