import { useState } from 'react';
import type { AgentView, MessageView } from '../../../src/protocol/api.ts';
import { useDraft, useRun } from '../app-context.tsx';
import { formatClock, formatDuration, formatMoney } from '../format.ts';
import { Link, runPath } from '../router.tsx';
import { isActive, type RunModel, textOf } from '../state/run-model.ts';
import { Button, ErrorNote, Skeleton, toNamedError } from '../ui/basics.tsx';
import { Markdown } from '../ui/markdown.tsx';
import { ArtifactList } from './artifacts.tsx';
import { DraftView, RunItems } from './run-items.tsx';
import { HostNote, UserBubble } from './user-bubble.tsx';
import { WorkerCard } from './worker-card.tsx';

/** What the user said and all that came of it. */
export function Turn({
  messages,
  agent,
  eager,
}: {
  messages: readonly MessageView[];
  agent: AgentView | undefined;
  eager: boolean;
}) {
  const [first, ...later] = messages;
  const [asked, setAsked] = useState(false);
  if (!first) return null;
  const open = messages.some((message) => message.finishedAt === null);
  return (
    <article aria-label={`Message at ${formatClock(first.receivedAt)}`} className="flex flex-col gap-4">
      {first.source === 'host' ? (
        <HostNote text={first.text} at={first.receivedAt} />
      ) : (
        <UserBubble
          text={first.text}
          at={first.receivedAt}
          note={first.runId === null && open ? 'Received, waiting for its turn' : undefined}
        />
      )}
      {first.runId === null || !(eager || open || asked) ? (
        <>
          <Answer messages={messages} shown={[]} />
          {first.runId !== null && (
            <Button look="quiet" className="self-start" onClick={() => setAsked(true)}>
              Show steps
            </Button>
          )}
        </>
      ) : (
        <RunTurn runId={first.runId} messages={messages} later={later} agent={agent} />
      )}
    </article>
  );
}

function RunTurn({
  runId,
  messages,
  later,
  agent,
}: {
  runId: string;
  messages: readonly MessageView[];
  later: readonly MessageView[];
  agent: AgentView | undefined;
}) {
  const { run, complete, error } = useRun(runId);
  if (!complete) {
    return (
      <>
        {error ? <ErrorNote error={toNamedError(error)} /> : <Skeleton className="h-16" />}
        <Answer messages={messages} shown={[]} />
      </>
    );
  }
  const inJournal = new Set(run.items.map((item) => (item.kind === 'input' ? item.event.messageId : undefined)));
  const texts = run.items.map(textOf);
  return (
    <>
      <div className="flex flex-col gap-3 empty:hidden">
        <RunItems run={run} leadMessageId={messages[0]?.id} Worker={WorkerCard} />
        <DraftView runId={runId} />
        <Working run={run} agentName={agent?.title ?? 'The agent'} />
      </div>
      {later
        .filter((message) => !inJournal.has(message.id))
        .map((message) => (
          <UserBubble key={message.id} text={message.text} note="Queued" />
        ))}
      <Answer messages={messages} shown={texts} />
      <ArtifactList
        artifacts={run.artifacts.map(({ artifactId, name, bytes, mediaType }) => ({
          id: artifactId,
          name,
          bytes,
          mediaType,
        }))}
      />
      <Footer run={run} />
    </>
  );
}

/** The final answer where the steps did not already show it, or the named reason why there is none. */
function Answer({ messages, shown }: { messages: readonly MessageView[]; shown: readonly string[] }) {
  const whole = shown.map((text) => text.trim());
  const said = new Set<string>();
  return messages.map((message) => {
    if (message.error) return <ErrorNote key={message.id} error={message.error} />;
    const answer = message.answer?.trim();
    if (answer === undefined || answer === '' || whole.includes(answer) || said.has(answer)) return null;
    said.add(answer);
    // What the host adds to an answer stands under it.
    const start = whole.findLast((text) => text !== '' && answer.startsWith(text));
    return <Markdown key={message.id} text={start === undefined ? answer : answer.slice(start.length)} />;
  });
}

/** One quiet line while nothing streams, of fixed height so that nothing jumps. */
function Working({ run, agentName }: { run: RunModel; agentName: string }) {
  const draft = useDraft(run.id);
  if (!isActive(run.state) || (draft && draft.text.length > 0)) return null;
  // A tool at work and a question to the user show themselves.
  const isBusy = run.items.some((item) => item.kind === 'tool' && item.outcome === undefined);
  if (isBusy) return null;
  const last = run.items.at(-1);
  // The card at a cap says it all.
  if (last?.kind === 'wait' && last.event.on === 'budget' && last.endedAt === undefined) return null;
  const words = run.state === 'waiting' && last?.kind === 'wait' ? last.event.detail : `${agentName} is thinking`;
  return (
    <p className="flex h-6 items-center gap-2 text-[13px] text-muted">
      <span aria-hidden className="pulse size-2 rounded-full bg-accent" />
      {words}
    </p>
  );
}

function Footer({ run }: { run: RunModel }) {
  if (isActive(run.state) || run.startedAt === undefined || run.finishedAt === undefined) return null;
  return (
    <p className="flex flex-wrap gap-x-3 text-xs text-muted">
      {run.state === 'cancelled' && <span className="font-medium text-warn">Stopped</span>}
      <span>{formatDuration(run.finishedAt - run.startedAt)}</span>
      <span>{formatMoney(run.costUsd)}</span>
      <Link href={runPath(run.id)} className="underline underline-offset-2 hover:text-text">
        Timeline
      </Link>
    </p>
  );
}
