import type { Decision } from '../../protocol/decision.ts';
import { JournalEvent } from '../../protocol/event.ts';
import type { JsonValue } from '../../protocol/json.ts';
import type { Judged } from '../../protocol/policy-change.ts';
import type { Resource } from '../../protocol/resource.ts';
import { readAll } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import { type RunStore, specOf } from '../runs/run-store.ts';
import type { RunSpec } from '../runs/spec.ts';

/** Reads the decisions that the journal holds, oldest first, a page at a time. */
export interface PolicyHistory {
  since(from: number): AsyncGenerator<RecordedDecision>;
  /** Undefined: the run is gone. */
  specOf(runId: string): Promise<RunSpec | undefined>;
}

export interface RecordedDecision {
  readonly at: number;
  readonly runId: string;
  readonly callId: string;
  readonly decision: Decision;
  /** Absent in events of before they were kept. */
  readonly judged: Judged | undefined;
  readonly resources: readonly Resource[];
}

const PAGE = 500;
const MOST_SPECS = 2_000;

export function createPolicyHistory(deps: { store: Store; sql: HostSql; runs: RunStore }): PolicyHistory {
  const { store, sql, runs } = deps;
  const specs = new Map<string, RunSpec>();
  return {
    async *since(from) {
      for (let after = { at: from, seq: -1 }; ; ) {
        const page = await readAll(
          store,
          sql
            .selectFrom('events')
            .select(['seq', 'at', 'run_id', 'payload'])
            .where('type', '=', 'tool.decided')
            .where((row) =>
              row.or([row('at', '>', after.at), row.and([row('at', '=', after.at), row('seq', '>', after.seq)])]),
            )
            .orderBy('at')
            .orderBy('seq')
            .limit(PAGE),
        );
        for (const row of page) {
          const recorded = readDecision(row);
          if (recorded !== undefined) yield recorded;
        }
        const last = page.at(-1);
        if (page.length < PAGE || last === undefined) return;
        after = { at: Number(last.at), seq: Number(last.seq) };
      }
    },
    async specOf(runId) {
      const known = specs.get(runId);
      if (known !== undefined) return known;
      const row = await runs.find(runId);
      if (row === undefined) return undefined;
      const spec = specOf(row);
      specs.set(runId, spec);
      const oldest = specs.keys().next();
      if (specs.size > MOST_SPECS && oldest.done !== true) specs.delete(oldest.value);
      return spec;
    },
  };
}

function readDecision(row: { at: number; run_id: string | null; payload: string }): RecordedDecision | undefined {
  const event = JournalEvent.safeParse(JSON.parse(row.payload));
  if (row.run_id === null || !event.success || event.data.type !== 'tool.decided') return undefined;
  const { callId, decision, judged } = event.data;
  const resources = (judged?.resources ?? []).flatMap(readResource);
  return { at: Number(row.at), runId: row.run_id, callId, decision, judged, resources };
}

/** Our own gate wrote it from a `Resource`. A kind that this version does not know stays in: the gate refuses it. */
function readResource(value: JsonValue): Resource[] {
  const isResource = typeof value === 'object' && value !== null && !Array.isArray(value) && 'kind' in value;
  return isResource ? [value as unknown as Resource] : [];
}
