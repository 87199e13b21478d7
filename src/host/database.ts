import { createSql } from '../storage/query.ts';
import type { Migration } from '../storage/store.ts';
import { accessMigration } from './access/migrations.ts';
import type { AccessTables } from './access/tables.ts';
import {
  type AgentFilesTable,
  type AgentRevisionsTable,
  type AgentsTable,
  agentsMigration,
  fleetAgentsMigration,
} from './agents/tables.ts';
import { type ApprovalsTable, approvalsMigration } from './approvals/tables.ts';
import { type ArtifactsTable, artifactsMigration } from './artifacts/tables.ts';
import { type AuditTables, auditMigration } from './audit/tables.ts';
import { type BudgetWarningsTable, budgetsMigration } from './budgets/tables.ts';
import { type EffectsTable, effectsMigration } from './effects/tables.ts';
import { type FreezesTable, freezeMigration } from './freeze/tables.ts';
import { type InboxTable, inboxMigration, type SessionsTable } from './inbox/tables.ts';
import { type EventsTable, journalMigration } from './journal/tables.ts';
import { type FlowExceptionsTable, type LabelAreasTable, labelsMigration } from './labels/tables.ts';
import { type PeopleTables, peopleMigration } from './people/tables.ts';
import { quarantineMigration, type UntrustedRefsTable } from './quarantine/tables.ts';
import { type RunsTable, runsMigration } from './runs/tables.ts';
import { type LateInputsTable, steeringMigration } from './steering/tables.ts';
import { supervisionMigration } from './supervision/migration.ts';

/** The tables of `host.db`, each defined by its owner. */
export interface HostDatabase extends AuditTables, PeopleTables, AccessTables {
  events: EventsTable;
  runs: RunsTable;
  effects: EffectsTable;
  approvals: ApprovalsTable;
  inbox: InboxTable;
  sessions: SessionsTable;
  agents: AgentsTable;
  agent_revisions: AgentRevisionsTable;
  agent_files: AgentFilesTable;
  artifacts: ArtifactsTable;
  freezes: FreezesTable;
  budget_warnings: BudgetWarningsTable;
  label_areas: LabelAreasTable;
  flow_exceptions: FlowExceptionsTable;
  untrusted_refs: UntrustedRefsTable;
  late_inputs: LateInputsTable;
}

/** In the order they are applied, for ever. */
export const hostMigrations: readonly Migration[] = [
  journalMigration,
  runsMigration,
  effectsMigration,
  approvalsMigration,
  inboxMigration,
  agentsMigration,
  artifactsMigration,
  accessMigration,
  steeringMigration,
  supervisionMigration,
  fleetAgentsMigration,
  labelsMigration,
  quarantineMigration,
  auditMigration,
  budgetsMigration,
  freezeMigration,
  peopleMigration,
];

/** The query builder of the host's tables: it compiles, the store runs. */
export const createHostSql = createSql<HostDatabase>;
export type HostSql = ReturnType<typeof createHostSql>;
