import { cleanText } from '../../protocol/clean-text.ts';
import type { ErrorInfo } from '../../protocol/event.ts';
import type { Inbound } from './inbox.ts';
import type { InboxTable } from './tables.ts';

export interface NewRow {
  readonly id: string;
  readonly platformId: string;
  readonly runId: string;
  readonly at: number;
  readonly refusal: ErrorInfo | undefined;
}

/** The row of a message that arrives. A refused one has ended. */
export function newRow(inbound: Inbound, row: NewRow): InboxTable {
  return {
    id: row.id,
    channel: inbound.channel,
    platform_message_id: row.platformId,
    agent_id: inbound.session.agent_id,
    session_id: inbound.session.id,
    principal: inbound.principal,
    text: cleanText(inbound.text),
    state: row.refusal === undefined ? 'received' : 'refused',
    run_id: row.refusal === undefined ? row.runId : '',
    mode: 'queue',
    merged_into: null,
    answer: null,
    error: row.refusal === undefined ? null : JSON.stringify(row.refusal),
    received_at: row.at,
    finished_at: row.refusal === undefined ? null : row.at,
  };
}
