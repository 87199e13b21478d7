import { useQuery, useQueryClient } from '@tanstack/react-query';
import { History, Plus } from 'lucide-react';
import { useState } from 'react';
import type { SessionView } from '../../../src/protocol/api.ts';
import { agentTitle, useAgents, useApp } from '../app-context.tsx';
import { chatPath, navigate } from '../router.tsx';
import { Badge, Button, ErrorNote, IconButton, SkeletonRows, toNamedError } from '../ui/basics.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Composer } from './composer.tsx';
import { MessageList } from './message-list.tsx';
import { SessionList } from './session-list.tsx';
import { useSend } from './use-send.ts';

/** The conversation with one agent: its sessions at the side, the shown one in the middle. */
export function ChatPage({ agentId, sessionId: wanted }: { agentId: string; sessionId: string | undefined }) {
  const { api } = useApp();
  const queries = useQueryClient();
  const agents = useAgents();
  const sessions = useQuery({ queryKey: ['sessions', agentId], queryFn: () => api.sessions(agentId) });
  const [showSessions, setShowSessions] = useState(false);
  const [failed, setFailed] = useState<unknown>();
  const shown = wanted ?? pickSession(sessions.data)?.id;
  const sending = useSend(agentId, shown);
  const agent = agents.data?.find((candidate) => candidate.id === agentId);

  const startSession = async () => {
    setFailed(undefined);
    try {
      const session = await api.createSession(agentId);
      await queries.invalidateQueries({ queryKey: ['sessions', agentId] });
      navigate(chatPath(agentId, session.id));
      document.querySelector<HTMLElement>('[data-composer]')?.focus();
    } catch (thrown) {
      setFailed(thrown);
    }
  };
  const list = (
    <SessionList sessions={sessions.data} agentId={agentId} shown={shown} onPick={() => setShowSessions(false)} />
  );

  return (
    <div className="flex h-full min-h-0">
      <section aria-label="Conversation" className="flex min-w-0 flex-1 flex-col">
        <div className="flex h-12 shrink-0 items-center justify-between gap-2 border-b border-line bg-surface px-3 sm:px-5">
          <div className="flex min-w-0 items-center gap-2">
            <h1 className="truncate font-semibold">{agentTitle(agents.data, agentId)}</h1>
            {agent?.simulated && <Badge tone="warn">Simulator</Badge>}
            {agent && <span className="truncate text-xs text-muted max-sm:hidden">{agent.model}</span>}
          </div>
          <div className="flex items-center gap-1">
            <span className="xl:hidden">
              <IconButton icon={History} label="Sessions" onClick={() => setShowSessions(true)} />
            </span>
            <Button look="quiet" onClick={() => void startSession()}>
              <Plus size={15} aria-hidden /> New session
            </Button>
          </div>
        </div>
        {failed !== undefined && (
          <div className="p-3">
            <ErrorNote error={toNamedError(failed)} />
          </div>
        )}
        {sessions.error ? (
          <div className="flex-1 p-5">
            <ErrorNote error={toNamedError(sessions.error)} />
          </div>
        ) : sessions.isPending ? (
          <div className="mx-auto w-full max-w-3xl flex-1 p-5">
            <SkeletonRows rows={3} />
          </div>
        ) : (
          <MessageList
            key={shown ?? 'new'}
            sessionId={shown}
            agent={agent}
            pending={sending.pending}
            onSuggest={(text) => sending.send(text)}
          />
        )}
        <Composer key={agentId} sending={sending} sessionId={shown} agentName={agentTitle(agents.data, agentId)} />
      </section>
      <aside
        aria-label="Sessions"
        className="flex w-60 shrink-0 flex-col border-l border-line bg-surface max-xl:hidden"
      >
        <h2 className="flex h-12 shrink-0 items-center border-b border-line px-4 text-[13px] font-semibold text-muted">
          Sessions
        </h2>
        <div className="scroll min-h-0 flex-1 p-2">{list}</div>
      </aside>
      {showSessions && (
        <Dialog title="Sessions" onClose={() => setShowSessions(false)}>
          {list}
        </Dialog>
      )}
    </div>
  );
}

function pickSession(sessions: readonly SessionView[] | undefined): SessionView | undefined {
  return sessions?.find((session) => session.active) ?? sessions?.[0];
}
