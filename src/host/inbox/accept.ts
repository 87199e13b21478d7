import { newId } from '../../base/id.ts';
import type { ErrorInfo } from '../../protocol/event.ts';
import { MessageId, RunId } from '../../protocol/ids.ts';
import { toStatement } from '../../storage/query.ts';
import type { Statement } from '../../storage/store.ts';
import type { Joined } from '../steering/joining.ts';
import type { Inbound, InboxDeps } from './inbox.ts';
import { newRow } from './new-row.ts';
import type { InboxTable } from './tables.ts';

/** Takes a new message in: into a run that is there, as a run of its own, or refused with the reason. One unit each. */
export type Accept = (inbound: Inbound, platformId: string) => Promise<InboxTable>;

export function createAccept(deps: InboxDeps): Accept {
  const { store, sql, clock } = deps;
  const crowdError = async (agentId: string): Promise<ErrorInfo | undefined> =>
    (await deps.queued(agentId)) < deps.limits.queuedMessages ? undefined : tooMany(agentId, deps.limits);

  const joinOpenRun = async (
    inbound: Inbound,
    { id, platformId }: { id: string; platformId: string },
  ): Promise<InboxTable | undefined> => {
    const { session, text } = inbound;
    const mode = inbound.mode ?? session.mode;
    if (mode !== 'steer' && mode !== 'collect') return undefined;
    const { input } = await deps.specOf({ id, text, session, label: inbound.label });
    const rowOf = (into: Joined): InboxTable => ({
      ...newRow(inbound, { id, platformId, runId: into.runId, at: clock.now(), refusal: undefined }),
      mode: into.mode,
      merged_into: into.mergedInto,
    });
    const rows = (into: Joined): Statement[] => [
      toStatement(sql.insertInto('inbox').values(rowOf(into))),
      deps.sessions.touch(session, text),
    ];
    const joined = await deps.joining.join({ id, session, input, rows }, mode);
    return joined === undefined ? undefined : rowOf(joined);
  };

  return async (inbound, platformId) => {
    const { session } = inbound;
    const id = newId(MessageId, 'msg');
    const runId = newId(RunId, 'run');
    if (inbound.answer !== undefined) {
      const row = answered(
        newRow(inbound, { id, platformId, runId: '', at: clock.now(), refusal: undefined }),
        inbound,
      );
      await store.write([toStatement(sql.insertInto('inbox').values(row))]);
      return row;
    }
    const joined = await joinOpenRun(inbound, { id, platformId });
    if (joined !== undefined) return joined;
    const over = session.rounds >= deps.limits.sessionRounds;
    const halted = over && session.continues >= deps.limits.autoContinues;
    const row = newRow(inbound, {
      id,
      platformId,
      runId,
      at: clock.now(),
      refusal: halted ? haltError(deps.limits) : await crowdError(session.agent_id),
    });
    const insert = toStatement(sql.insertInto('inbox').values(row));
    if (row.state === 'refused') {
      await store.write([insert]);
      return row;
    }
    const spec = await deps.specOf({ id, text: inbound.text, session, label: inbound.label });
    const unit = [insert, deps.createRun(spec, runId).statement, deps.sessions.touch(session, inbound.text)];
    if (!over) await store.write(unit);
    else {
      const event = { type: 'run.continued', continues: session.continues + 1 } as const;
      await deps.journal.append(
        [{ runId, sessionId: session.id, agentId: session.agent_id, event }],
        [...unit, deps.sessions.goOn(session)],
      );
    }
    return row;
  };
}

function answered(row: InboxTable, { answer = null }: { answer?: string | null | undefined }): InboxTable {
  return { ...row, state: 'answered', answer, finished_at: row.received_at };
}

function tooMany(agentId: string, limits: InboxDeps['limits']): ErrorInfo {
  return {
    code: 'rate-limited',
    message: `${limits.queuedMessages} messages wait for ${agentId} already, so this one is not taken.`,
    remedy: 'Wait until some are answered, cancel what is not needed, or raise limits.queuedMessages in config.json.',
    retryable: true,
  };
}

function haltError(limits: InboxDeps['limits']): ErrorInfo {
  return {
    code: 'run.step-limit',
    message: `This session has used ${limits.sessionRounds} tool rounds ${limits.autoContinues + 1} times and is closed.`,
    remedy: 'Start a new session (/new), or raise limits.autoContinues in config.json.',
  };
}
