import { ChevronRight, HardHat } from 'lucide-react';
import { useState } from 'react';
import type { RunState } from '../../../src/protocol/run.ts';
import { useNow, useRun } from '../app-context.tsx';
import { formatDuration, formatMoney } from '../format.ts';
import { Link, runPath } from '../router.tsx';
import { isActive, type RunModel, type ToolItem } from '../state/run-model.ts';
import { Badge, ErrorNote, Skeleton, type Tone, toNamedError } from '../ui/basics.tsx';
import { Markdown } from '../ui/markdown.tsx';
import { ArtifactList } from './artifacts.tsx';
import { DraftView, RunItems } from './run-items.tsx';

/** A worker at work: open while it runs, folded once it is done; its result always in sight. */
export function WorkerCard({ item }: { item: ToolItem }) {
  const { template, task } = readSpawn(item);
  return (
    <section aria-label={`Worker ${template}`} className="card overflow-hidden">
      <div className="flex items-start gap-2.5 px-3.5 pt-3 pb-2">
        <HardHat size={16} aria-hidden className="mt-0.5 shrink-0 text-accent" />
        <div className="min-w-0 flex-1">
          <p className="font-medium">
            {template}
            <span className="font-normal text-muted"> · worker</span>
          </p>
          {task !== '' && <p className="line-clamp-3 text-[13px] wrap-anywhere text-muted">{task}</p>}
        </div>
        {item.childRunId === undefined && <Badge>starting</Badge>}
        {item.childRunId !== undefined && <ChildBadge runId={item.childRunId} />}
      </div>
      {item.childRunId !== undefined && <ChildRun runId={item.childRunId} />}
    </section>
  );
}

function ChildBadge({ runId }: { runId: string }) {
  const { run, complete } = useRun(runId);
  return complete ? <StateBadge state={run.state} /> : null;
}

const STATE_TONES: Record<RunState, Tone> = {
  queued: 'neutral',
  running: 'accent',
  waiting: 'warn',
  asked: 'warn',
  done: 'ok',
  failed: 'danger',
  cancelled: 'neutral',
};

export function StateBadge({ state }: { state: RunState }) {
  return (
    <Badge tone={STATE_TONES[state]}>
      {state === 'running' && <span aria-hidden className="pulse size-1.5 rounded-full bg-current" />}
      {state === 'asked' ? 'asked a question' : state}
    </Badge>
  );
}

function ChildRun({ runId }: { runId: string }) {
  const { run, complete, error } = useRun(runId);
  const [chosen, setChosen] = useState<boolean>();
  if (!complete)
    return (
      <div className="px-3.5 pb-3">
        {error ? <ErrorNote error={toNamedError(error)} /> : <Skeleton className="h-8" />}
      </div>
    );
  const open = chosen ?? isActive(run.state);
  return (
    <>
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setChosen(!open)}
        className="flex w-full items-center gap-1.5 px-3.5 py-1.5 text-left text-[13px] text-muted hover:text-text focus-visible:-outline-offset-2"
      >
        <ChevronRight size={14} aria-hidden className={`transition-transform ${open ? 'rotate-90' : ''}`} />
        <Totals run={run} />
      </button>
      {open && (
        <div className="flex flex-col gap-2 px-3.5 pt-1 pb-3">
          <RunItems run={run} Worker={WorkerCard} detailed />
          <DraftView runId={runId} />
        </div>
      )}
      <Outcome run={run} repeatsText={open} />
    </>
  );
}

function Totals({ run }: { run: RunModel }) {
  const active = isActive(run.state);
  const now = useNow(active ? 1_000 : 3_600_000);
  const tools = run.items.filter((item) => item.kind === 'tool').length;
  return (
    <span className="flex flex-wrap gap-x-3">
      <span>
        {tools} {tools === 1 ? 'step' : 'steps'}
      </span>
      {run.startedAt !== undefined && <span>{formatDuration((run.finishedAt ?? now) - run.startedAt)}</span>}
      <span>{formatMoney(run.costUsd)}</span>
    </span>
  );
}

function Outcome({ run, repeatsText }: { run: RunModel; repeatsText: boolean }) {
  if (run.error) {
    return (
      <div className="px-3.5 pb-3">
        <ErrorNote error={run.error} />
      </div>
    );
  }
  if (!run.result && run.artifacts.length === 0) return null;
  const artifacts = run.artifacts.map(({ artifactId, name, bytes, mediaType }) => ({
    id: artifactId,
    name,
    bytes,
    mediaType,
  }));
  return (
    <div className="flex flex-col gap-2.5 border-t border-line px-3.5 py-3">
      {run.result && !repeatsText && run.result.text !== '' && (
        <div className="text-[13px]">
          <Markdown text={run.result.text} />
        </div>
      )}
      <ArtifactList artifacts={artifacts} />
      <Link
        href={runPath(run.id)}
        className="self-start text-xs text-muted underline underline-offset-2 hover:text-text"
      >
        Timeline
      </Link>
    </div>
  );
}

/** Reads what the operator asked for; the arguments come from a model, so nothing is taken for granted. */
export function readSpawn({ input, tool }: Pick<ToolItem, 'input' | 'tool'>): { template: string; task: string } {
  const record = input !== null && typeof input === 'object' && !Array.isArray(input) ? input : {};
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  return { template: text(record.template) ?? tool, task: text(record.task) ?? text(record.message) ?? '' };
}
