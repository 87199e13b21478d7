import type { AuditRowView } from '../../protocol/audit.ts';
import type { AuditTable } from './tables.ts';

export type StoredAuditRow = Omit<AuditTable, 'seq'> & { readonly seq: number };

/** Only here do column names meet the names that are hashed, exported and shown. */
export function toAuditRow(row: StoredAuditRow): AuditRowView {
  return {
    seq: Number(row.seq),
    at: Number(row.at),
    actor: row.actor,
    principal: row.principal,
    surface: row.surface,
    action: row.action,
    target: row.target,
    outcome: row.outcome,
    agentId: row.agent_id,
    runId: row.run_id,
    argsHash: row.args_hash,
    details: row.details,
  };
}
