import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { HeadReply } from '../../protocol/audit.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { readAll, toStatement } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { Anchor } from './anchors/anchor.ts';
import type { Heads } from './heads.ts';
import type { AuditAnchorsTable } from './tables.ts';

/**
 * Takes the newest signed head to every anchor. The unanchored window is what this bounds: a row stands unprotected from
 * its commit to the first head after it that an anchor keeps, at most `anchorEveryMs` and the time of one round while an
 * anchor answers. An anchor that does not answer is tried again with each round; how long it has been is told.
 */
export interface Anchoring {
  /** Signs and anchors what is new. Never throws: what went wrong is in `states` and `problem`. */
  round(): Promise<void>;
  states(): Promise<readonly AuditAnchorsTable[]>;
  /** Why nothing could be signed, while that is so. */
  readonly problem: HoldfastError | undefined;
}

export interface AnchoringDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly heads: Heads;
  readonly anchors: readonly Anchor[];
  readonly clock: Clock;
  readonly log: Logger;
  /** What must be in the chain before it is signed. */
  readonly before: () => Promise<void>;
}

const ONE_ANCHOR_MS = 20_000;

export function createAnchoring(deps: AnchoringDeps): Anchoring {
  const { store, sql, log } = deps;
  let problem: HoldfastError | undefined;
  let running: Promise<void> | undefined;
  const states = (): Promise<AuditAnchorsTable[]> => readAll(store, sql.selectFrom('audit_anchors').selectAll());

  const round = async (): Promise<void> => {
    try {
      await deps.before();
      const reply = await deps.heads.sign();
      problem = undefined;
      if (reply === undefined) return;
      const known = new Map((await states()).map((state) => [state.name, state]));
      const behind = deps.anchors.filter((anchor) => isBehind(known.get(anchor.name), reply));
      await Promise.all(behind.map((anchor) => putOne(deps, anchor, reply)));
    } catch (thrown) {
      const error = HoldfastError.from(thrown);
      if (problem?.message !== error.message) log.error('The audit could not be anchored', { error });
      problem = error;
    }
  };
  return {
    get problem() {
      return problem;
    },
    states,
    round: () => {
      running ??= round().finally(() => {
        running = undefined;
      });
      return running;
    },
  };
}

function isBehind(state: AuditAnchorsTable | undefined, { head }: HeadReply): boolean {
  return state === undefined || state.failed_at !== null || state.chain !== head.chain || state.count < head.count;
}

async function putOne(
  { store, sql, clock, log }: AnchoringDeps,
  anchor: Anchor,
  { head, hmac }: HeadReply,
): Promise<void> {
  const kept = {
    name: anchor.name,
    chain: head.chain,
    count: head.count,
    at: clock.now(),
    failed_at: null,
    problem: null,
  };
  try {
    await anchor.put({ head, line: JSON.stringify({ head }), hmac }, AbortSignal.timeout(ONE_ANCHOR_MS));
    const query = sql.insertInto('audit_anchors').values(kept);
    await store.write([toStatement(query.onConflict((conflict) => conflict.column('name').doUpdateSet(kept)))]);
  } catch (thrown) {
    const error = HoldfastError.from(thrown);
    log.warn('An anchor of the audit did not take a head', { anchor: anchor.name, error });
    const text = error.remedy === undefined ? error.message : `${error.message} ${error.remedy}`;
    const failed = { failed_at: clock.now(), problem: text.slice(0, 500) };
    const first = { name: anchor.name, chain: head.chain, count: 0, at: 0, ...failed };
    const query = sql.insertInto('audit_anchors').values(first);
    await store.write([toStatement(query.onConflict((conflict) => conflict.column('name').doUpdateSet(failed)))]);
  }
}
