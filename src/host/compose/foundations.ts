import { type Approvals, createApprovals } from '../approvals/approvals.ts';
import { type Artifacts, createArtifacts } from '../artifacts/artifacts.ts';
import { type AuditSink, createAuditSink } from '../audit/sink.ts';
import { type Changes, createChanges } from '../changes/changes.ts';
import type { CoreDeps } from '../core.ts';
import { createHostSql, type HostSql } from '../database.ts';
import { createFrozenSet, type FrozenSet } from '../freeze/frozen-set.ts';
import { createGrants, type Grants } from '../grants/grants.ts';
import { createJournal, type Journal } from '../journal/journal.ts';
import { createRunStore, type RunStore } from '../runs/run-store.ts';

/** What every other part of the core stands on: the journal and the rows of runs. Nothing here knows a part above it. */
export interface Foundations {
  readonly sql: HostSql;
  /** Where what is no journal event is written down for good. */
  readonly audit: AuditSink;
  readonly journal: Journal;
  /** What may do nothing now. */
  readonly frozen: FrozenSet;
  readonly runs: RunStore;
  readonly grants: Grants;
  /** What can be taken back for a while. */
  readonly changes: Changes;
  readonly approvals: Approvals;
  readonly artifacts: Artifacts;
}

export function createFoundations({ store, clock, deciders }: CoreDeps): Foundations {
  const sql = createHostSql(store.dialect);
  const journal = createJournal({ store, sql, clock });
  const audit = createAuditSink({ store, sql, clock });
  const grants = createGrants({ store, sql, clock, audit });
  return {
    sql,
    audit,
    grants,
    changes: createChanges({ store, sql, clock, audit }),
    journal,
    frozen: createFrozenSet(),
    runs: createRunStore(store, sql),
    approvals: createApprovals({
      ...{ store, sql, journal, clock, grants },
      ...(deciders === undefined ? {} : { deciders }),
    }),
    artifacts: createArtifacts({ store, sql }),
  };
}
