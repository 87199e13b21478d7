import type { Clock } from '../../base/clock.ts';
import { uuidv7 } from '../../base/id.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { type GrantChoice, GrantOffer, GrantTerm, type GrantView } from '../../protocol/grant.ts';
import type { StandingGrant } from '../../protocol/policy-rule.ts';
import { readAll, run, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { ApprovalsTable } from '../approvals/tables.ts';
import type { AuditSink } from '../audit/sink.ts';
import type { Principal } from '../control.ts';
import type { HostSql } from '../database.ts';
import type { StandingGrantsTable } from './tables.ts';

/**
 * What people allowed beforehand. A grant is made only by answering a question, from the offers that host code rendered
 * on its card, and is bound to that agent, template, tool and person; it never turns a refusal into a yes.
 */
export interface Grants {
  /** The rows of a grant, for the unit that answers the question; throws `bad-request` when the card did not offer it. */
  insert(approval: ApprovalsTable, choice: GrantChoice, by: Principal): readonly Statement[];
  /** After that unit. */
  changed(): void;
  /** What holds for this call now. */
  of(call: GrantedCall): Promise<HeldGrants>;
  /** Those that hold now, newest first. */
  list(): Promise<GrantView[]>;
  /** Throws `not-found` when it does not hold. */
  revoke(id: string, by: Principal): Promise<GrantView>;
}

export interface GrantedCall {
  readonly agentId: string;
  readonly template: string | undefined;
  readonly tool: string;
  readonly principal: string;
  /** The run, and the runs it was started for. */
  readonly tasks: readonly string[];
}

export interface HeldGrants {
  /** For the questions of permissions. */
  readonly grants: readonly StandingGrant[];
  /** For the questions of labels: patterns of sinks. */
  readonly sinks: readonly string[];
}

const WEEK_MS = 604_800_000;
const MOST = 1_000;

export interface GrantsDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly clock: Clock;
  readonly audit: AuditSink;
}

export function createGrants({ store, sql, clock, audit }: GrantsDeps): Grants {
  const holding = () =>
    sql
      .selectFrom('standing_grants')
      .selectAll()
      .where('revoked_at', 'is', null)
      .where((row) => row.or([row('expires_at', 'is', null), row('expires_at', '>', clock.now())]))
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(MOST);
  // Every call of every agent asks; what holds changes only when a person answers or revokes.
  let kept: Promise<StandingGrantsTable[]> | undefined;
  const known = (): Promise<StandingGrantsTable[]> => {
    kept ??= readAll(store, holding());
    kept.catch(() => {
      kept = undefined;
    });
    return kept;
  };
  return {
    changed() {
      kept = undefined;
    },
    insert(approval, choice, by) {
      const row = newRow(approval, choice, { by, at: clock.now() });
      const entry = {
        actor: by.id,
        surface: by.surface,
        action: 'grant.made',
        target: row.id,
        outcome: 'done',
      } as const;
      const details = { term: row.term, tool: row.tool };
      return [
        toStatement(sql.insertInto('standing_grants').values(row)),
        audit.row({ ...entry, agentId: row.agent_id, runId: approval.run_id, details }),
      ];
    },
    async of(call) {
      const mine = (await known()).filter((row) => isFor(row, call) && (row.expires_at ?? Infinity) > clock.now());
      return { grants: mine.flatMap(toStanding), sinks: mine.flatMap((row) => listOf(row.sinks)) };
    },
    list: async () => (await readAll(store, holding())).map(toView),
    async revoke(id, by) {
      const [row] = await readAll(store, holding().where('id', '=', id));
      if (row === undefined) {
        throw new HoldfastError('not-found', `There is no grant ${id} that holds.`, { remedy: 'holdfast grants' });
      }
      const ended = sql.updateTable('standing_grants').set({ revoked_at: clock.now(), revoked_by: by.id });
      await run(store, ended.where('id', '=', id).where('revoked_at', 'is', null));
      kept = undefined;
      await audit.record({ actor: by.id, surface: by.surface, action: 'grant.revoked', target: id, outcome: 'done' });
      return toView(row);
    },
  };
}

function isFor(row: StandingGrantsTable, call: GrantedCall): boolean {
  if (row.agent_id !== call.agentId || row.tool !== call.tool) return false;
  if (row.template !== (call.template ?? null) || row.principal !== call.principal) return false;
  return row.task_id === null || call.tasks.includes(row.task_id);
}

function newRow(
  approval: ApprovalsTable,
  { width, term }: GrantChoice,
  { by, at }: { by: Principal; at: number },
): StandingGrantsTable {
  const offer = offersIn(approval).find((one) => one.width === width);
  if (offer === undefined || approval.tool === null) {
    throw new HoldfastError('bad-request', 'This question can only be answered for this one call.', {
      remedy: 'Allow it once, or deny it.',
    });
  }
  return {
    id: `grt_${uuidv7()}`,
    agent_id: approval.agent_id,
    template: approval.template,
    tool: approval.tool,
    principal: approval.principal ?? 'owner',
    words: offer.words,
    allows: JSON.stringify(offer.allows),
    sinks: JSON.stringify(offer.sinks),
    term,
    task_id: term === 'task' ? approval.run_id : null,
    approval_id: approval.id,
    created_at: at,
    created_by: by.id,
    expires_at: term === 'week' ? at + WEEK_MS : null,
    revoked_at: null,
    revoked_by: null,
  };
}

export function offersIn(approval: ApprovalsTable): GrantOffer[] {
  return approval.offers === null ? [] : GrantOffer.array().parse(JSON.parse(approval.offers));
}

const listOf = (column: string): string[] => JSON.parse(column) as string[];

function toStanding(row: StandingGrantsTable): StandingGrant[] {
  const allows = listOf(row.allows);
  if (allows.length === 0) return [];
  const ends = row.expires_at === null ? {} : { expiresAt: row.expires_at };
  return [{ id: row.id, agentId: row.agent_id, tool: row.tool, principal: row.principal, allows, ...ends }];
}

function toView(row: StandingGrantsTable): GrantView {
  return {
    ...{ id: row.id, agentId: row.agent_id, template: row.template, tool: row.tool, words: row.words },
    term: GrantTerm.parse(row.term),
    taskId: row.task_id,
    createdAt: row.created_at,
    createdBy: row.created_by,
    expiresAt: row.expires_at,
  };
}
