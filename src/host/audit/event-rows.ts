import type { JournalEvent } from '../../protocol/event.ts';
import type { JsonValue } from '../../protocol/json.ts';
import { toStatement } from '../../storage/query.ts';
import type { Statement } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import { bounded } from './sink.ts';

/**
 * The audit rows of journal events. The journal adds them to the unit of the event itself, whoever appends it: an effect
 * cannot be started, refused or decided without its row, and since nothing is dispatched before `effect.started` is
 * durable, nothing is dispatched before its audit row is. Who it was done for and the hash of the arguments are read in
 * the database, from the run's and the call's own rows.
 */
export interface EventItem {
  readonly runId?: string | undefined;
  readonly agentId?: string | undefined;
  readonly event: JournalEvent;
}

export type EventRows = (item: EventItem, at: number) => Statement[];

interface Facts {
  readonly action: string;
  readonly target: string;
  readonly outcome: string;
  readonly actor?: string;
  readonly surface?: string;
  /** The call whose arguments' hash belongs into the row. */
  readonly callId?: string;
  readonly details?: Readonly<Record<string, JsonValue>>;
}

export function createEventRows(sql: HostSql): EventRows {
  return (item, at) => {
    const facts = factsOf(item.event);
    return facts === undefined ? [] : [statementOf(sql, { item, at, facts })];
  };
}

function statementOf(sql: HostSql, { item, at, facts }: { item: EventItem; at: number; facts: Facts }): Statement {
  const { runId, agentId } = item;
  const { callId } = facts;
  return toStatement(
    sql.insertInto('audit').values((row) => ({
      at,
      actor: bounded(facts.actor ?? (agentId === undefined ? 'holdfast' : `agent:${agentId}`)),
      principal: runId === undefined ? null : row.selectFrom('runs').select('principal').where('id', '=', runId),
      surface: bounded(facts.surface ?? 'run'),
      action: facts.action,
      target: bounded(facts.target),
      outcome: facts.outcome,
      agent_id: agentId ?? null,
      run_id: runId ?? null,
      args_hash:
        runId === undefined || callId === undefined
          ? null
          : row.selectFrom('effects').select('args_hash').where('run_id', '=', runId).where('call_id', '=', callId),
      details: facts.details === undefined ? null : JSON.stringify(facts.details),
    })),
  );
}

/** `undefined`: the event is no effect, decision or change. Nothing of what a model or a person wrote is taken over. */
function factsOf(event: JournalEvent): Facts | undefined {
  switch (event.type) {
    case 'run.started':
      return {
        action: 'run.started',
        target: event.template ?? event.agentId,
        outcome: event.kind,
        details: { model: event.model, parent: event.parentRunId ?? null },
      };
    case 'run.resumed':
      return { action: 'run.resumed', target: String(event.epoch), outcome: 'done', details: interrupted(event) };
    case 'run.finished':
      return { action: 'run.finished', target: event.error?.code ?? event.state, outcome: event.state };
    case 'model.requested':
      return { action: 'model.called', target: event.model, outcome: 'started', details: { call: event.callId } };
    case 'artifact.created':
      return { action: 'artifact.created', target: event.artifactId, outcome: 'done', details: { blob: event.blob } };
    case 'agent.changed':
      return { action: 'agent.changed', target: event.agentId, outcome: event.change };
    case 'freeze.changed':
      return {
        action: event.frozen ? 'freeze.begun' : 'freeze.ended',
        target: event.scope,
        outcome: 'done',
        actor: event.by,
        surface: event.surface,
      };
    case 'message.delivered':
      return { action: 'message.delivered', target: event.outboxId, outcome: event.state };
    default:
      return factsOfCall(event);
  }
}

function factsOfCall(event: JournalEvent): Facts | undefined {
  switch (event.type) {
    case 'tool.decided':
      if (event.decision.kind !== 'deny') return undefined;
      return {
        action: 'effect.refused',
        target: event.callId,
        outcome: 'denied',
        callId: event.callId,
        details: { rule: event.decision.rule },
      };
    case 'approval.requested':
      return { action: 'approval.requested', target: event.approvalId, outcome: 'asked', callId: event.callId };
    case 'approval.decided':
      return {
        action: 'approval.decided',
        target: event.approvalId,
        outcome: event.outcome,
        actor: event.by,
        surface: event.surface,
        callId: event.callId,
      };
    case 'effect.started':
      return {
        action: 'effect.started',
        target: event.tool,
        outcome: 'started',
        callId: event.callId,
        details: { effect: event.effectId, ...(event.childRunId === undefined ? {} : { child: event.childRunId }) },
      };
    case 'effect.finished':
      return {
        action: 'effect.finished',
        target: event.tool,
        outcome: event.outcome.status,
        callId: event.callId,
        details: { effect: event.effectId },
      };
    default:
      return undefined;
  }
}

function interrupted(event: Extract<JournalEvent, { type: 'run.resumed' }>): { interrupted: string[] } {
  return { interrupted: event.interrupted.slice(0, 100) };
}
