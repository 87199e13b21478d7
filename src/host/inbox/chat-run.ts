import type { EventOf } from '../../protocol/event.ts';
import type { Label } from '../../protocol/label.ts';
import type { Statement } from '../../storage/store.ts';
import type { AgentRuns } from '../agents/agent-runs.ts';
import { labelOfPerson } from '../people/person-label.ts';
import type { RunWriter } from '../runs/run-writer.ts';
import type { RunSpec } from '../runs/spec.ts';
import type { Inbox } from './inbox.ts';
import type { Sessions } from './sessions.ts';
import type { SessionsTable } from './tables.ts';

interface ChatMessage {
  readonly id: string;
  readonly text: string;
  readonly session: SessionsTable;
  /** Of a message that no person wrote. Default: the owner's own words. */
  readonly label?: Label | undefined;
}

/** The run that answers one message. */
export async function chatSpec(message: ChatMessage, agentRuns: AgentRuns): Promise<RunSpec> {
  return await agentRuns.spec(message.session.agent_id, {
    kind: 'chat',
    sessionId: message.session.id,
    messageId: message.id,
    title: message.text.replaceAll(/\s+/g, ' ').trim().slice(0, 120),
    principal: message.session.principal,
    input:
      message.label === undefined
        ? { source: 'user', text: message.text, label: labelOfPerson(message.session.principal) }
        : { source: 'host', text: message.text, label: message.label },
  });
}

/** What must change together with the end of a chat run: the message it answers and the session's count of rounds. */
export function finishChat(
  writer: RunWriter,
  event: EventOf<'run.finished'>,
  deps: { inbox: Inbox; sessions: Sessions },
): Statement[] {
  const { messageId, sessionId, kind } = writer.spec;
  if (kind !== 'chat' || messageId === undefined || sessionId === undefined) return [];
  return [...deps.inbox.finish(messageId, event), deps.sessions.addRounds(sessionId, writer.progress.rounds)];
}
