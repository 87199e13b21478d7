import { newId } from '../../base/id.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { MessageId, RunId } from '../../protocol/ids.ts';
import type { Label } from '../../protocol/label.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { AgentRuns } from '../agents/agent-runs.ts';
import { chatSpec } from '../inbox/chat-run.ts';
import type { Inbox } from '../inbox/inbox.ts';
import type { Lanes } from '../inbox/lanes.ts';
import type { Sessions } from '../inbox/sessions.ts';
import type { RunManager } from '../runs/run-manager.ts';
import { HOST_PRINCIPAL } from '../workers/follow-up.ts';

/** Puts a message of the host's own into a conversation, which the agent then answers. */
export interface WakeUp {
  /** False when this very wake-up was given before. The other rows are written in its unit. */
  send(
    message: { sessionId: string; key: string; text: string; label: Label },
    also?: readonly Statement[],
  ): Promise<boolean>;
}

export interface WakeUpDeps {
  readonly store: Store;
  readonly agentRuns: AgentRuns;
  readonly sessions: Sessions;
  readonly inbox: Inbox;
  readonly lanes: Lanes;
  readonly manager: () => RunManager;
}

export function createWakeUp(deps: WakeUpDeps): WakeUp {
  return {
    async send({ sessionId, key, text, label }, also = []) {
      const session = await deps.sessions.get(sessionId);
      const [id, runId] = [newId(MessageId, 'msg'), newId(RunId, 'run')];
      const spec = await chatSpec({ id, text, session }, deps.agentRuns);
      const row = deps.inbox.add({
        ...{ id, runId, session, text, channel: session.channel },
        platformMessageId: key,
        principal: HOST_PRINCIPAL,
      });
      const input = { source: 'host', text: `[Holdfast] ${text}`, label } as const;
      const run = deps.manager().create({ ...spec, input }, runId).statement;
      try {
        await deps.store.write([row, run, ...also]);
      } catch (thrown) {
        const { code } = HoldfastError.from(thrown);
        if (code === 'conflict' || code === 'storage.guard-failed') return false;
        throw thrown;
      }
      deps.lanes.add(sessionId, runId);
      return true;
    },
  };
}
