import { useQuery } from '@tanstack/react-query';
import { ArrowDown, MessageSquare } from 'lucide-react';
import { type ReactNode, useCallback, useEffect, useRef, useState } from 'react';
import type { AgentView, MessageView } from '../../../src/protocol/api.ts';
import { HISTORY_LIMIT } from '../api/client.ts';
import { useApp } from '../app-context.tsx';
import { Button, ErrorNote, SkeletonRows, toNamedError } from '../ui/basics.tsx';
import { Turn } from './turn.tsx';
import { UserBubble } from './user-bubble.tsx';

/** Turns whose steps are fetched at once; older ones on request. */
const EAGER_TURNS = 6;

export function MessageList({
  sessionId,
  agent,
  pending,
  onSuggest,
}: {
  sessionId: string | undefined;
  agent: AgentView | undefined;
  pending: string | undefined;
  onSuggest: (text: string) => void;
}) {
  const { api } = useApp();
  const history = useQuery({
    queryKey: ['history', sessionId],
    queryFn: () => api.history(sessionId ?? ''),
    enabled: sessionId !== undefined,
  });
  const messages = history.data ?? [];
  const empty = messages.length === 0 && pending === undefined && !(history.isPending && sessionId !== undefined);

  return (
    <StickToEnd>
      <div className="mx-auto flex w-full max-w-3xl flex-col gap-6 px-3 py-6 sm:px-5">
        {history.error && <ErrorNote error={toNamedError(history.error)} />}
        {sessionId !== undefined && history.isPending && <SkeletonRows rows={3} />}
        {messages.length >= HISTORY_LIMIT && (
          <p className="text-center text-[13px] text-muted">
            Earlier messages are not shown here. In a terminal:{' '}
            <code className="font-mono text-xs">holdfast history {agent?.id}</code>
          </p>
        )}
        {empty && !history.error && <Welcome agent={agent} onSuggest={onSuggest} />}
        {turnsOf(messages).map((turn, index, all) => (
          <Turn key={turn[0]?.id} messages={turn} agent={agent} eager={index >= all.length - EAGER_TURNS} />
        ))}
        {pending !== undefined && <UserBubble text={pending} note="Sending…" />}
      </div>
      <Announcer messages={messages} agentName={agent?.title ?? 'The agent'} />
    </StickToEnd>
  );
}

/** Messages that one run answers together (sent while it worked) form one turn. */
export function turnsOf(messages: readonly MessageView[]): MessageView[][] {
  const turns: MessageView[][] = [];
  for (const message of messages) {
    const last = turns.at(-1);
    if (last && message.runId !== null && last[0]?.runId === message.runId) last.push(message);
    else turns.push([message]);
  }
  return turns;
}

const SUGGESTIONS = ['Hello! What can you do?', 'Look through a folder of mine and write a report about it.'];

function Welcome({ agent, onSuggest }: { agent: AgentView | undefined; onSuggest: (text: string) => void }) {
  return (
    <div className="flex flex-col items-center gap-3 pt-[12vh] text-center">
      <MessageSquare size={28} aria-hidden className="text-faint" />
      <h2 className="text-base font-semibold">Talk to {agent?.title ?? 'the agent'}</h2>
      <p className="max-w-md text-muted">
        {agent?.kind === 'agent'
          ? agent.description || 'Say what you need.'
          : 'It plans, and has workers do the work in sandboxes. You see each step here, and nothing outside happens without your word.'}
      </p>
      <div className="mt-2 flex max-w-full flex-col gap-2">
        {SUGGESTIONS.map((text) => (
          <Button key={text} className="h-auto min-h-9 py-1.5 whitespace-normal" onClick={() => onSuggest(text)}>
            {text}
          </Button>
        ))}
      </div>
    </div>
  );
}

/** Follows the end while the reader is there, stays put while they read further up. */
function StickToEnd({ children }: { children: ReactNode }) {
  const box = useRef<HTMLElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const stuck = useRef(true);
  const [away, setAway] = useState(false);
  const toEnd = useCallback(() => {
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  }, []);
  useEffect(() => {
    if (!content.current) return;
    const observer = new ResizeObserver(() => stuck.current && toEnd());
    observer.observe(content.current);
    return () => observer.disconnect();
  }, [toEnd]);
  return (
    <div className="relative min-h-0 flex-1">
      <section
        ref={box}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
        tabIndex={0}
        aria-label="Messages"
        className="scroll h-full focus-visible:-outline-offset-2"
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
          stuck.current = scrollHeight - scrollTop - clientHeight < 60;
          setAway(!stuck.current);
        }}
      >
        <div ref={content}>{children}</div>
      </section>
      {away && (
        <Button
          className="absolute bottom-3 left-1/2 -translate-x-1/2 shadow-card"
          onClick={() => {
            stuck.current = true;
            toEnd();
          }}
        >
          <ArrowDown size={14} aria-hidden /> Latest
        </Button>
      )}
    </div>
  );
}

/** Tells a screen reader of each answer once it is whole; the streaming text itself stays silent. */
function Announcer({ messages, agentName }: { messages: readonly MessageView[]; agentName: string }) {
  const seen = useRef<Set<string>>(undefined);
  const [words, setWords] = useState('');
  useEffect(() => {
    const finished = messages.filter((message) => message.finishedAt !== null);
    if (seen.current) {
      const fresh = finished.filter((message) => !seen.current?.has(message.id)).at(-1);
      if (fresh) setWords(`${agentName} ${fresh.state}: ${(fresh.answer ?? fresh.error?.message ?? '').slice(0, 300)}`);
    }
    if (messages.length > 0 || seen.current) seen.current = new Set(finished.map((message) => message.id));
  }, [messages, agentName]);
  return (
    <p role="status" aria-live="polite" className="sr-only">
      {words}
    </p>
  );
}
