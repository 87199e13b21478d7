import { newId } from '../../base/id.ts';
import type { EventOf } from '../../protocol/event.ts';
import { MessageId } from '../../protocol/ids.ts';
import type { Statement } from '../../storage/store.ts';
import type { AgentRuns } from '../agents/agent-runs.ts';
import { chatSpec } from '../inbox/chat-run.ts';
import type { Inbox } from '../inbox/inbox.ts';
import type { Sessions } from '../inbox/sessions.ts';
import type { Quarantine } from '../quarantine/quarantine.ts';
import { childRunId } from '../runs/hashes.ts';
import type { RunManager } from '../runs/run-manager.ts';
import type { RunWriter } from '../runs/run-writer.ts';
import { describeResult } from './results.ts';
import { resultLabel } from './worker-result.ts';

/**
 * What a background worker leaves behind when it settles: a message of the host's in its session, and the run that will
 * answer it, both written in the very unit that ends the worker. So a result can neither be lost nor told twice.
 */
export interface FollowUps {
  statements(writer: RunWriter, event: EventOf<'run.finished'>): Promise<Statement[]>;
  /** The run made by `statements`, for its lane; undefined when there is none. */
  runOf(writer: RunWriter): { sessionId: string; runId: string } | undefined;
}

export interface FollowUpDeps {
  readonly agentRuns: AgentRuns;
  readonly sessions: Sessions;
  readonly quarantine: Quarantine;
  readonly inbox: () => Inbox;
  readonly manager: () => RunManager;
}

/** Who the host's own messages are from. */
export const HOST_PRINCIPAL = 'holdfast';

export function createFollowUps(deps: FollowUpDeps): FollowUps {
  const runOf: FollowUps['runOf'] = ({ runId, spec, progress }) =>
    spec.background && spec.sessionId !== undefined
      ? { sessionId: spec.sessionId, runId: childRunId(`follow-up:${runId}:${progress.steps}`) }
      : undefined;
  return {
    runOf,
    async statements(writer, event) {
      const follow = runOf(writer);
      if (follow === undefined) return [];
      const { runId, spec, progress } = writer;
      const session = await deps.sessions.get(follow.sessionId);
      const what = event.state === 'asked' ? 'asks' : event.state === 'done' ? 'is done' : 'ended without a result';
      const text = `The worker ${spec.template} ${what}: ${spec.title}`;
      const message = { id: newId(MessageId, 'msg'), text, session };
      const chat = await chatSpec(message, deps.agentRuns);
      const label = resultLabel(progress.label, event, spec.resultFields);
      const body = await deps.quarantine.hide(
        { runId, spec: chat },
        { tool: 'spawn_worker', text: describeResult(runId, event, spec.resultFields), label },
      );
      const input = { source: 'host', text: `[Holdfast] ${text}\n\n${body.text}`, label: body.label } as const;
      const row = deps.inbox().add({
        id: message.id,
        channel: session.channel,
        platformMessageId: `worker:${runId}:${progress.steps}`,
        session,
        principal: HOST_PRINCIPAL,
        text,
        runId: follow.runId,
      });
      return [...body.statements, row, deps.manager().create({ ...chat, input }, follow.runId).statement];
    },
  };
}
