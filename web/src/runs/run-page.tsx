import { useQuery } from '@tanstack/react-query';
import { Activity, ChevronLeft, Square } from 'lucide-react';
import { useState } from 'react';
import { agentTitle, useAgents, useApp, useNow, useRun } from '../app-context.tsx';
import { ApprovalCardView } from '../chat/approval-card.tsx';
import { ArtifactList } from '../chat/artifacts.tsx';
import { StateBadge } from '../chat/worker-card.tsx';
import { formatDuration, formatMoney } from '../format.ts';
import { chatPath, Link, runPath } from '../router.tsx';
import { isActive, type RunModel } from '../state/run-model.ts';
import { Button, Empty, ErrorNote, Fold, Page, SkeletonRows, toNamedError } from '../ui/basics.tsx';
import { Markdown } from '../ui/markdown.tsx';
import { axisOf, layTimeline } from './timeline.ts';
import { Waterfall } from './waterfall.tsx';

export function RunPage({ runId }: { runId: string }) {
  const { run, complete, error } = useRun(runId);
  const { api } = useApp();
  const view = useQuery({ queryKey: ['runs', 'one', runId], queryFn: () => api.run(runId) });
  const problem = view.error ?? error;
  return (
    <Page>
      <Link href="/runs" className="mb-3 inline-flex items-center gap-1 text-[13px] text-muted hover:text-text">
        <ChevronLeft size={15} aria-hidden /> Runs
      </Link>
      {problem ? (
        <>
          <h1 className="sr-only">Run</h1>
          <ErrorNote error={toNamedError(problem)} />
        </>
      ) : !complete || !view.data ? (
        <>
          <h1 className="sr-only">Run</h1>
          <SkeletonRows rows={6} />
        </>
      ) : (
        <RunBody run={run} title={view.data.title} sessionId={view.data.sessionId} agentId={view.data.agentId} />
      )}
    </Page>
  );
}

function RunBody({
  run,
  title,
  sessionId,
  agentId,
}: {
  run: RunModel;
  title: string;
  sessionId: string | null;
  agentId: string;
}) {
  const agents = useAgents();
  const active = isActive(run.state);
  const now = useNow(active ? 1_000 : 3_600_000);
  const axis = axisOf(run, now);
  const timeline = layTimeline(run, now, axis);
  const open = run.items.flatMap((item) =>
    item.kind === 'tool' && item.approval && item.approval.outcome === undefined ? [item.approval] : [],
  );
  const facts = [
    ['Took', formatDuration(timeline.spanMs)],
    ['Cost', formatMoney(run.costUsd)],
    ['Model calls', String(timeline.modelCalls)],
    ['Tool calls', String(timeline.toolCalls)],
    ['Waited', formatDuration(timeline.waitedMs)],
  ];
  return (
    <>
      <div className="flex flex-wrap items-start justify-between gap-3">
        <div className="min-w-0">
          <h1 className="text-lg font-semibold tracking-tight wrap-anywhere">{title || run.id}</h1>
          <p className="flex flex-wrap items-center gap-x-2 text-[13px] text-muted">
            <span>{run.template ?? agentTitle(agents.data, agentId)}</span>
            <span>{run.model}</span>
            {sessionId !== null && (
              <Link href={chatPath(agentId, sessionId)} className="underline underline-offset-2 hover:text-text">
                Conversation
              </Link>
            )}
            {run.parentRunId !== undefined && (
              <Link href={runPath(run.parentRunId)} className="underline underline-offset-2 hover:text-text">
                Parent run
              </Link>
            )}
          </p>
        </div>
        <div className="flex items-center gap-2">
          <StateBadge state={run.state} />
          {active && <CancelButton runId={run.id} />}
        </div>
      </div>
      <dl className="card my-4 grid grid-cols-2 gap-px overflow-hidden bg-line sm:grid-cols-5">
        {facts.map(([name, value]) => (
          <div key={name} className="bg-surface px-4 py-2.5 max-sm:last:col-span-2">
            <dt className="text-xs text-muted">{name}</dt>
            <dd className="text-[15px] font-semibold">{value}</dd>
          </div>
        ))}
      </dl>
      <div className="mb-4 flex flex-col gap-3 empty:hidden">
        {run.error && <ErrorNote error={run.error} />}
        {open.map((approval) => (
          <ApprovalCardView key={approval.id} approval={approval} />
        ))}
        <Task run={run} />
      </div>
      {timeline.bars.length === 0 ? (
        <Empty icon={Activity} title="Nothing has happened yet">
          Steps appear here as the run takes them.
        </Empty>
      ) : (
        <Waterfall run={run} timeline={timeline} axis={axis} now={now} />
      )}
      {run.result && run.result.text !== '' && (
        <section aria-label="Result" className="card mt-4 p-4">
          <h2 className="mb-2 text-[13px] font-semibold text-muted">Result</h2>
          <Markdown text={run.result.text} />
        </section>
      )}
      <div className="mt-4">
        <ArtifactList
          artifacts={run.artifacts.map(({ artifactId, name, bytes, mediaType }) => ({
            id: artifactId,
            name,
            bytes,
            mediaType,
          }))}
        />
      </div>
    </>
  );
}

function Task({ run }: { run: RunModel }) {
  const inputs = run.items.filter((item) => item.kind === 'input');
  if (inputs.length === 0) return null;
  return (
    <Fold className="text-[13px]" summary={`Input (${inputs.length})`} open={inputs.length === 1}>
      <ul className="mt-1 ml-5 flex flex-col gap-2">
        {inputs.map(({ seq, event }) => (
          <li key={seq}>
            <p className="text-xs text-muted">
              from {event.source} · {event.label.integrity}, {event.label.confidentiality}
              {event.label.origins.length > 0 && ` · ${event.label.origins.join(', ')}`}
            </p>
            <p className="wrap-anywhere whitespace-pre-wrap">{event.text}</p>
          </li>
        ))}
      </ul>
    </Fold>
  );
}

function CancelButton({ runId }: { runId: string }) {
  const { api } = useApp();
  const [failed, setFailed] = useState<string>();
  const [sent, setSent] = useState(false);
  const cancel = async () => {
    setSent(true);
    await api.cancelRun(runId).catch((thrown: unknown) => {
      setSent(false);
      setFailed(toNamedError(thrown).message);
    });
  };
  return (
    <Button disabled={sent} title={failed} onClick={() => void cancel()}>
      <Square size={12} aria-hidden className="fill-current" /> {failed === undefined ? 'Stop' : 'Try to stop again'}
    </Button>
  );
}
