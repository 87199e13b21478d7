import type { Clock } from '../../base/clock.ts';
import { ApprovalCard } from '../../protocol/decision.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { EventOf } from '../../protocol/event.ts';
import type { GrantChoice } from '../../protocol/grant.ts';
import { readAll, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { Principal } from '../control.ts';
import type { HostSql } from '../database.ts';
import type { Grants } from '../grants/grants.ts';
import type { Journal } from '../journal/journal.ts';
import { type ApprovalRows, createApprovalRows } from './approval-rows.ts';
import { type Deciders, ownerDecides } from './deciders.ts';
import type { ApprovalsTable } from './tables.ts';

export type ApprovalDecided = EventOf<'approval.decided'>;

/**
 * Questions to a person. A row is pending until the first answer or its expiry, whichever comes first; both are one
 * guarded update together with the journal's event, so two surfaces can never both win. An expired one is a denial.
 */
export interface Approvals extends ApprovalRows {
  /** The row of a new question, for the unit that journals `approval.requested`. */
  insert(row: NewApproval): Statement;
  mayDecide(principal: Principal, approval: ApprovalsTable): boolean;
  /**
   * Throws `forbidden` when this principal may not, and `conflict`, naming who decided, when it is not pending any more.
   * `grant`: allow it for longer than this call, as the card offers.
   */
  decide(id: string, outcome: 'allowed' | 'denied', principal: Answer): Promise<ApprovalsTable>;
  /** Resolves when it is decided, by whomever, also in an earlier life of the host. */
  decided(id: string, signal: AbortSignal): Promise<ApprovalDecided>;
  /** For the unit that ends a run: nobody needs to answer its open questions any more. */
  closeOf(runId: string): Statement;
  /** Denies what is past its time. */
  expireDue(): Promise<number>;
}

type Answer = Principal & { readonly grant?: GrantChoice | undefined };

type Undecided = 'state' | 'decided_at' | 'decided_by' | 'surface';
type Late = 'nonce' | 'offers' | 'rule' | 'tool' | 'template' | 'principal';
export type NewApproval = Omit<ApprovalsTable, Undecided | Late> & Partial<Pick<ApprovalsTable, Late>>;

export interface ApprovalsDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly grants: Pick<Grants, 'insert' | 'changed'>;
  /** Default: the owner. */
  readonly deciders?: Deciders;
}

const UNSAID: Pick<ApprovalsTable, Late> = {
  ...{ nonce: null, offers: null, rule: null },
  ...{ tool: null, template: null, principal: null },
};

export function createApprovals(deps: ApprovalsDeps): Approvals {
  const { store, sql, journal, clock, grants, deciders = ownerDecides } = deps;
  const waiting = new Map<string, Set<(event: ApprovalDecided) => void>>();

  const rows = createApprovalRows(deps);
  const { get } = rows;

  const close = async (row: ApprovalsTable, outcome: ApprovalDecided['outcome'], by: Answer): Promise<void> => {
    const event = toDecided({ ...row, state: outcome, decided_by: by.id, surface: by.surface });
    await journal.append(
      [{ runId: row.run_id, sessionId: row.session_id ?? undefined, agentId: row.agent_id, event }],
      [
        ...(by.grant === undefined || outcome !== 'allowed' ? [] : grants.insert(row, by.grant, by)),
        toStatement(
          sql
            .updateTable('approvals')
            .set({ state: outcome, decided_at: clock.now(), decided_by: by.id, surface: by.surface, nonce: null })
            .where('id', '=', row.id)
            .where('state', '=', 'pending'),
          { expectRows: 1 },
        ),
      ],
    );
    grants.changed();
    for (const resolve of waiting.get(row.id) ?? []) resolve(event);
    waiting.delete(row.id);
  };

  return {
    ...rows,
    insert: (row) =>
      toStatement(
        sql
          .insertInto('approvals')
          .values({ ...UNSAID, ...row, state: 'pending', decided_at: null, decided_by: null, surface: null }),
      ),
    mayDecide: (principal, approval) => deciders.mayDecide(principal, approval),
    async decide(id, outcome, principal) {
      const row = await get(id);
      if (!deciders.mayDecide(principal, row)) throw notYours(principal);
      if (row.state === 'pending' && row.expires_at > clock.now()) {
        await close(row, outcome, principal).catch(ignoreLostRace);
      }
      const now = await get(id);
      const won = now.state === outcome && now.decided_by === principal.id && now.surface === principal.surface;
      if (!won || row.state !== 'pending') throw alreadyDecided(now);
      return now;
    },
    async decided(id, signal) {
      const set = waiting.get(id) ?? new Set();
      waiting.set(id, set);
      const { promise, resolve, reject } = Promise.withResolvers<ApprovalDecided>();
      // Listening begins before the look: an answer, or a stop, that falls in between must not be missed.
      set.add(resolve);
      const stop = (): void => reject(signal.reason);
      if (signal.aborted) stop();
      signal.addEventListener('abort', stop, { once: true });
      const earlier = get(id).then((row) => (row.state === 'pending' ? promise : toDecided(row)));
      try {
        return await Promise.race([promise, earlier]);
      } finally {
        set.delete(resolve);
        signal.removeEventListener('abort', stop);
      }
    },
    closeOf: (runId) =>
      toStatement(
        sql
          .updateTable('approvals')
          .set({
            state: 'expired',
            decided_at: clock.now(),
            decided_by: 'holdfast',
            surface: 'end of the run',
            nonce: null,
          })
          .where('run_id', '=', runId)
          .where('state', '=', 'pending'),
      ),
    async expireDue() {
      const due = await readAll(
        store,
        sql.selectFrom('approvals').selectAll().where('state', '=', 'pending').where('expires_at', '<=', clock.now()),
      );
      for (const row of due) await close(row, 'expired', { id: 'holdfast', surface: 'clock' }).catch(ignoreLostRace);
      return due.length;
    },
  };
}

/** Someone else answered between our look and our write; the row tells who. */
function ignoreLostRace(error: unknown): void {
  if (!(error instanceof HoldfastError) || error.code !== 'storage.guard-failed') throw error;
}

function notYours(principal: Principal): HoldfastError {
  return new HoldfastError('forbidden', `${principal.id} (${principal.surface}) may not answer this question.`, {
    remedy: 'A person with the role for it answers: at the dashboard, in the terminal or in a chat of theirs.',
  });
}

function alreadyDecided(row: ApprovalsTable): HoldfastError {
  const who = row.state === 'pending' ? 'it has expired' : `${row.state} by ${row.decided_by} (${row.surface})`;
  return new HoldfastError('conflict', `The approval ${row.id} is no longer open: ${who}.`);
}

function toDecided(row: ApprovalsTable): ApprovalDecided {
  const outcome = row.state === 'allowed' || row.state === 'denied' ? row.state : 'expired';
  return {
    type: 'approval.decided',
    approvalId: row.id,
    callId: row.call_id,
    outcome,
    by: row.decided_by ?? 'holdfast',
    surface: row.surface ?? 'clock',
  };
}

export const cardOf = (row: ApprovalsTable): ApprovalCard => ApprovalCard.parse(JSON.parse(row.card));
