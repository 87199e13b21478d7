import type { EventOf, JournalEvent } from '../../protocol/event.ts';
import { toStatement } from '../../storage/query.ts';
import type { Statement } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';

/** The rows that derive from an event, as statements for the event's own unit. */
export type Projection = (event: JournalEvent, run: { runId: string; epoch: number; at: number }) => Statement[];

export function createProjection(sql: HostSql): Projection {
  const update = (run: { runId: string; epoch: number; at: number }) =>
    sql.updateTable('runs').set({ progress_at: run.at }).where('id', '=', run.runId).where('epoch', '=', run.epoch);
  const guarded = (query: ReturnType<typeof update>): Statement => toStatement(query, { expectRows: 1 });
  return (event, run) => {
    switch (event.type) {
      case 'model.requested':
        return [guarded(update(run).set({ state: 'running', waiting_for: null }))];
      case 'model.finished':
        return [
          guarded(
            update(run).set((row) => ({
              steps: row('steps', '+', 1),
              cost_usd: row('cost_usd', '+', event.costUsd ?? 0),
              // A finished step is progress: restarts before it no longer count.
              resumes: 0,
            })),
          ),
        ];
      case 'reader.finished':
        return [guarded(update(run).set((row) => ({ cost_usd: row('cost_usd', '+', event.costUsd ?? 0) })))];
      case 'run.waiting':
        // A run that waits at a cap for days is not one that stops the host again and again.
        return [
          guarded(
            update(run).set({
              state: 'waiting',
              waiting_for: event.detail,
              ...(event.on === 'budget' ? { resumes: 0 } : {}),
              wait_owner: event.owner ?? null,
              wait_deadline: event.deadline ?? null,
            }),
          ),
        ];
      case 'approval.decided':
        return [guarded(update(run).set({ state: 'running', waiting_for: null }))];
      case 'effect.finished':
        return [
          guarded(
            update(run).set((row) => ({ tool_calls: row('tool_calls', '+', 1), state: 'running', waiting_for: null })),
          ),
          ...effectStatements(sql, event, run),
        ];
      case 'tool.requested':
      case 'tool.decided':
      case 'effect.started':
        return [guarded(update(run)), ...effectStatements(sql, event, run)];
      case 'artifact.created':
        return [guarded(update(run)), artifactStatement(sql, event, run)];
      case 'run.finished':
        return [guarded(update(run).set(finishedColumns(event, run.at)))];
      default:
        return [guarded(update(run))];
    }
  };
}

function finishedColumns(event: EventOf<'run.finished'>, at: number) {
  return {
    state: event.state,
    waiting_for: null,
    result: JSON.stringify(event.result),
    error: event.error === undefined ? null : JSON.stringify(event.error),
    // A worker that asked its parent something is not over: an answer sets it running again.
    finished_at: event.state === 'asked' ? null : at,
  };
}

type EffectEvent = EventOf<'tool.requested' | 'tool.decided' | 'effect.started' | 'effect.finished'>;

function effectStatements(sql: HostSql, event: EffectEvent, run: { runId: string; at: number }): Statement[] {
  const row = (callId: string) =>
    sql.updateTable('effects').where('run_id', '=', run.runId).where('call_id', '=', callId);
  switch (event.type) {
    case 'tool.requested':
      return [
        toStatement(
          sql.insertInto('effects').values({
            id: event.effectId,
            run_id: run.runId,
            call_id: event.callId,
            tool: event.tool,
            args_hash: event.argsHash,
            state: 'intent',
            rule: null,
            requested_at: run.at,
            started_at: null,
            finished_at: null,
          }),
        ),
      ];
    case 'tool.decided':
      return [toStatement(row(event.callId).set({ rule: event.decision.rule }))];
    case 'effect.started':
      return [toStatement(row(event.callId).set({ state: 'started', started_at: run.at }), { expectRows: 1 })];
    case 'effect.finished':
      return [
        toStatement(row(event.callId).set({ state: event.outcome.status, finished_at: run.at }), { expectRows: 1 }),
      ];
  }
}

function artifactStatement(
  sql: HostSql,
  event: EventOf<'artifact.created'>,
  run: { runId: string; at: number },
): Statement {
  return toStatement(
    sql.insertInto('artifacts').values({
      id: event.artifactId,
      run_id: run.runId,
      name: event.name,
      media_type: event.mediaType,
      blob: event.blob,
      bytes: event.bytes,
      created_at: run.at,
    }),
  );
}
