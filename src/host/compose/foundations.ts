import { type Approvals, createApprovals } from '../approvals/approvals.ts';
import { type Artifacts, createArtifacts } from '../artifacts/artifacts.ts';
import { type AuditSink, createAuditSink } from '../audit/sink.ts';
import type { CoreDeps } from '../core.ts';
import { createHostSql, type HostSql } from '../database.ts';
import { createJournal, type Journal } from '../journal/journal.ts';
import { createRunStore, type RunStore } from '../runs/run-store.ts';

/** What every other part of the core stands on: the journal and the rows of runs. Nothing here knows a part above it. */
export interface Foundations {
  readonly sql: HostSql;
  /** Where what is no journal event is written down for good. */
  readonly audit: AuditSink;
  readonly journal: Journal;
  readonly runs: RunStore;
  readonly approvals: Approvals;
  readonly artifacts: Artifacts;
}

export function createFoundations({ store, clock }: CoreDeps): Foundations {
  const sql = createHostSql(store.dialect);
  const journal = createJournal({ store, sql, clock });
  return {
    sql,
    audit: createAuditSink({ store, sql, clock }),
    journal,
    runs: createRunStore(store, sql),
    approvals: createApprovals({ store, sql, journal, clock }),
    artifacts: createArtifacts({ store, sql }),
  };
}
