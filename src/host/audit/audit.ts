import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { AnchorView, AuditConfig, AuditRowView, AuditStatus } from '../../protocol/audit.ts';
import { readAll, readOne } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { VaultAudit } from '../vault-client/vault-audit.ts';
import { type Anchoring, createAnchoring } from './anchoring.ts';
import type { Anchor } from './anchors/anchor.ts';
import { type Chain, createChain } from './chain.ts';
import { type AuditExport, exportOf } from './export.ts';
import { createHeads, type Heads } from './heads.ts';
import { type StoredAuditRow, toAuditRow } from './rows.ts';
import type { AuditSink } from './sink.ts';
import { copyVaultEvents } from './vault-events.ts';

/** The audit while the host runs: its chain, its anchors, and what is asked of it. */
export interface Audit {
  /** Links every second and anchors every `anchorEveryMs`, until the signal fires; then once more, briefly. */
  run(signal: AbortSignal): Promise<void>;
  /** Newest first. */
  list(filter: AuditFilter): Promise<AuditRowView[]>;
  status(): Promise<AuditStatus>;
  /** Signs and anchors now. */
  anchorNow(): Promise<AuditStatus>;
  export(): Promise<AuditExport>;
  /** Ends the chain and begins another; the reason is kept. Answers with its id. */
  beginChain(reason: string, actor: { id: string; surface: string }): Promise<string>;
}

export interface AuditFilter {
  readonly before?: number | undefined;
  readonly after?: number | undefined;
  readonly action?: string | undefined;
  readonly actor?: string | undefined;
  readonly agentId?: string | undefined;
  readonly runId?: string | undefined;
  readonly limit: number;
}

export interface AuditDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly sink: AuditSink;
  readonly vault: VaultAudit;
  readonly anchors: readonly Anchor[];
  readonly config: AuditConfig;
  readonly clock: Clock;
  readonly log: Logger;
}

const LINK_EVERY_MS = 1_000;
const LAST_ROUND_MS = 2_000;
/** Rounds that may be late before it is called a problem. */
const LATE_ROUNDS = 3;

export function createAudit(deps: AuditDeps): Audit {
  const { store, sql, sink, vault, config, clock } = deps;
  const chain = createChain(deps);
  const heads = createHeads({ store, sql, vault, chain });
  const identity = async (): Promise<string> => (await vault.state((await chain.link()).chain)).key;
  const before = (): Promise<void> => copyVaultEvents({ store, sql, sink, vault, identity });
  const anchoring = createAnchoring({ ...deps, heads, before });
  const status = (): Promise<AuditStatus> => statusOf({ ...deps, chain, heads, anchoring });
  return {
    run: (signal) => keepAnchored({ chain, anchoring, config, clock, log: deps.log }, signal),
    list: async (filter) => (await readAll<StoredAuditRow>(store, listQuery(sql, filter))).map(toAuditRow),
    status,
    anchorNow: async () => {
      await anchoring.round();
      return await status();
    },
    export: async () => {
      await chain.link();
      return await exportOf(store, sql);
    },
    beginChain: async (reason, { id, surface }) => {
      await chain.link();
      const begun = await chain.beginNew(reason);
      await sink.record({ actor: id, surface, action: 'audit.chain-begun', target: begun, outcome: 'done' });
      return begun;
    },
  };
}

interface Keeping {
  readonly chain: Chain;
  readonly anchoring: Anchoring;
  readonly config: AuditConfig;
  readonly clock: Clock;
  readonly log: Logger;
}

async function keepAnchored({ chain, anchoring, config, clock, log }: Keeping, signal: AbortSignal): Promise<void> {
  let nextRound = clock.now() + Math.min(LINK_EVERY_MS, config.anchorEveryMs);
  let failing = false;
  while (!signal.aborted) {
    await clock.sleep(LINK_EVERY_MS, signal).catch(() => undefined);
    try {
      await chain.link();
      failing = false;
    } catch (error) {
      if (!failing) log.error('Audit rows could not be linked', { error });
      failing = true;
    }
    if (signal.aborted || clock.now() < nextRound) continue;
    nextRound = clock.now() + config.anchorEveryMs;
    await anchoring.round();
  }
  // What was written since the last round would stand unanchored until the next start.
  await Promise.race([anchoring.round(), clock.sleep(LAST_ROUND_MS)]);
}

function listQuery(sql: HostSql, filter: AuditFilter) {
  let query = sql.selectFrom('audit').selectAll();
  // What is after a row is wanted from there on, anything else from the newest back.
  query = query.orderBy('seq', filter.after === undefined ? 'desc' : 'asc').limit(filter.limit);
  if (filter.before !== undefined) query = query.where('seq', '<', filter.before);
  if (filter.after !== undefined) query = query.where('seq', '>', filter.after);
  if (filter.action !== undefined) query = query.where('action', '=', filter.action);
  if (filter.actor !== undefined) query = query.where('actor', '=', filter.actor);
  if (filter.agentId !== undefined) query = query.where('agent_id', '=', filter.agentId);
  return filter.runId === undefined ? query : query.where('run_id', '=', filter.runId);
}

type StatusDeps = AuditDeps & { readonly chain: Chain; readonly heads: Heads; readonly anchoring: Anchoring };

async function statusOf(deps: StatusDeps): Promise<AuditStatus> {
  const end = await deps.chain.link();
  const anchors = await anchorViews(deps, end.chain);
  const outside = anchors.filter((anchor) => anchor.outside);
  const counted = outside.length > 0 ? outside : anchors;
  const anchored = Math.max(0, ...counted.map((anchor) => anchor.count));
  const waiting = await oldestAfter(deps, end.chain, anchored);
  const unanchoredForMs = waiting === undefined ? 0 : Math.max(0, deps.clock.now() - waiting);
  return {
    chain: end.chain,
    rows: end.count,
    anchored,
    unanchored: end.count - anchored,
    unanchoredForMs,
    anchorEveryMs: deps.config.anchorEveryMs,
    publicKey: deps.heads.publicKey ?? null,
    anchors,
    problems: problemsOf(deps, { anchors, unanchoredForMs, unanchored: end.count - anchored }),
  };
}

async function anchorViews({ anchors, anchoring }: StatusDeps, chain: string): Promise<AnchorView[]> {
  const states = new Map((await anchoring.states()).map((state) => [state.name, state]));
  return anchors.map(({ name, kind, outside }) => {
    const state = states.get(name);
    return {
      name,
      kind,
      outside,
      count: state?.chain === chain ? Number(state.count) : 0,
      at: state === undefined || Number(state.at) === 0 ? null : Number(state.at),
      failedAt: state?.failed_at === null || state === undefined ? null : Number(state.failed_at),
      problem: state?.problem ?? null,
    };
  });
}

async function oldestAfter({ store, sql }: StatusDeps, chain: string, count: number): Promise<number | undefined> {
  const row = await readOne(
    store,
    sql
      .selectFrom('audit_links')
      .innerJoin('audit', 'audit.seq', 'audit_links.seq')
      .select('audit.at')
      .where('audit_links.chain', '=', chain)
      .where('audit_links.position', '>', count)
      .orderBy('audit_links.position')
      .limit(1),
  );
  return row === undefined ? undefined : Number(row.at);
}

function problemsOf(
  { config, anchoring }: StatusDeps,
  { anchors, unanchoredForMs, unanchored }: { anchors: AnchorView[]; unanchoredForMs: number; unanchored: number },
): string[] {
  const { problem } = anchoring;
  const failing = anchors.filter((anchor) => anchor.problem !== null);
  const late = unanchoredForMs > config.anchorEveryMs * LATE_ROUNDS;
  return [
    ...(problem?.code === 'storage.corrupt' ? [[problem.message, problem.remedy].join(' ')] : []),
    ...failing.map((anchor) => `The audit's anchor ${anchor.name} takes no heads: ${anchor.problem}`),
    ...(late
      ? [
          `${unanchored} rows of the audit have waited ${Math.round(unanchoredForMs / 1_000)} s for an anchor${problem === undefined ? '' : `: ${problem.message}`}. Look with: holdfast audit`,
        ]
      : []),
  ];
}
