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
import { type ChangesTable, changesMigration } from './changes/tables.ts';
import { type EffectsTable, effectsMigration } from './effects/tables.ts';
import { type FreezesTable, freezeMigration } from './freeze/tables.ts';
import { grantsMigration, type StandingGrantsTable } from './grants/tables.ts';
import { type InboxTable, inboxMigration, type SessionsTable } from './inbox/tables.ts';
import { type EventsTable, journalMigration } from './journal/tables.ts';
import { type FlowExceptionsTable, type LabelAreasTable, labelsMigration } from './labels/tables.ts';
import {
  type BlackboardHistoryTable,
  type BlackboardTable,
  type InterestsTable,
  type MeshEffectsTable,
  meshMigration,
  type NoticesTable,
  type TaskDependenciesTable,
  type TasksTable,
} from './mesh/tables.ts';
import { type PeopleTables, peopleMigration } from './people/tables.ts';
import { type PlansTable, plansMigration, type SelfQueueTable } from './plans/tables.ts';
import { policyMigration } from './policy/migrations.ts';
import { quarantineMigration, type UntrustedRefsTable } from './quarantine/tables.ts';
import { type RunsTable, runsMigration } from './runs/tables.ts';
import { type EgressCursorsTable, egressCursorsMigration } from './sandboxes/tables.ts';
import { type LateInputsTable, steeringMigration } from './steering/tables.ts';
import { supervisionMigration } from './supervision/migration.ts';
import { type TeamsTable, teamsMigration } from './teams/tables.ts';
import {
  type TemplateVersionsTable,
  type WorkerLaunchesTable,
  type WorkerLineagesTable,
  workersMigration,
} from './workers/tables.ts';

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
  worker_lineages: WorkerLineagesTable;
  worker_launches: WorkerLaunchesTable;
  template_versions: TemplateVersionsTable;
  plans: PlansTable;
  teams: TeamsTable;
  self_queue: SelfQueueTable;
  artifacts: ArtifactsTable;
  freezes: FreezesTable;
  budget_warnings: BudgetWarningsTable;
  label_areas: LabelAreasTable;
  flow_exceptions: FlowExceptionsTable;
  untrusted_refs: UntrustedRefsTable;
  standing_grants: StandingGrantsTable;
  changes: ChangesTable;
  late_inputs: LateInputsTable;
  egress_cursors: EgressCursorsTable;
  blackboard: BlackboardTable;
  blackboard_history: BlackboardHistoryTable;
  interests: InterestsTable;
  notices: NoticesTable;
  tasks: TasksTable;
  mesh_effects: MeshEffectsTable;
  task_dependencies: TaskDependenciesTable;
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
  meshMigration,
  fleetAgentsMigration,
  labelsMigration,
  quarantineMigration,
  grantsMigration,
  changesMigration,
  auditMigration,
  budgetsMigration,
  egressCursorsMigration,
  policyMigration,
  freezeMigration,
  peopleMigration,
  workersMigration,
  plansMigration,
  teamsMigration,
];

/** The query builder of the host's tables: it compiles, the store runs. */
export const createHostSql = createSql<HostDatabase>;
export type HostSql = ReturnType<typeof createHostSql>;
