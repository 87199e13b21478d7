import { useState } from 'react';
import { useRun } from '../app-context.tsx';
import { exitText, summarise, ToolDetails } from '../chat/tool-step.tsx';
import { formatDuration, formatMoney, formatTokens } from '../format.ts';
import { Link, runPath } from '../router.tsx';
import { type ModelItem, type RunModel, reasoningOf, type ToolItem, textOf } from '../state/run-model.ts';
import { ErrorNote, Output, Skeleton, variables } from '../ui/basics.tsx';
import { type Axis, type Bar, layTimeline, type Timeline } from './timeline.ts';

const COLOURS = {
  model: 'bg-(--bar-model)',
  tool: 'bg-(--bar-tool)',
  wait: 'bg-(--bar-wait)',
  bad: 'bg-(--bar-bad)',
};

/** Rows in order of time, one bar each on a shared axis; a row opens to its details. A worker's rows follow its call. */
export function Waterfall({
  run,
  timeline,
  axis,
  now,
}: {
  run: RunModel;
  timeline: Timeline;
  axis: Axis;
  now: number;
}) {
  return (
    <section aria-label="Timeline" className="card overflow-hidden">
      <div className="flex flex-wrap items-center justify-between gap-x-5 gap-y-1 border-b border-line px-4 py-2 text-xs text-muted">
        <span className="flex gap-4">
          <Key kind="model" name="Model" />
          <Key kind="tool" name="Tool" />
          <Key kind="wait" name="Wait" />
          <Key kind="bad" name="Failed" />
        </span>
        <span>0 to {formatDuration(timeline.spanMs)}</span>
      </div>
      <Rows run={run} bars={timeline.bars} axis={axis} now={now} depth={0} />
    </section>
  );
}

function Rows({
  run,
  bars,
  ...place
}: {
  run: RunModel;
  bars: readonly Bar[];
  axis: Axis;
  now: number;
  depth: number;
}) {
  return (
    <ol className="divide-y divide-line">
      {bars.map((bar) => (
        <li key={bar.seq}>
          <Row bar={bar} run={run} depth={place.depth} />
          {bar.item.kind === 'tool' && bar.item.childRunId !== undefined && place.depth < MAX_DEPTH && (
            <ChildRows runId={bar.item.childRunId} {...place} />
          )}
        </li>
      ))}
    </ol>
  );
}

const MAX_DEPTH = 4;

function ChildRows({ runId, axis, now, depth }: { runId: string; axis: Axis; now: number; depth: number }) {
  const { run, complete } = useRun(runId);
  if (!complete) return <Skeleton className="m-2 h-5" />;
  return (
    <div className="border-t border-line">
      <Rows run={run} bars={layTimeline(run, now, axis).bars} axis={axis} now={now} depth={depth + 1} />
    </div>
  );
}

function Row({ bar, run, depth }: { bar: Bar; run: RunModel; depth: number }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="grid w-full grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 gap-y-1.5 px-4 py-2 text-left hover:bg-hover focus-visible:-outline-offset-2 aria-expanded:bg-raised sm:grid-cols-[17rem_minmax(0,1fr)_5rem_4.5rem]"
      >
        <span className="indent flex min-w-0 items-baseline gap-2" style={variables({ '--indent': `${depth}rem` })}>
          <span className={`shrink-0 ${bar.item.kind === 'tool' ? 'font-mono text-xs' : 'text-[13px]'} font-medium`}>
            {bar.title}
          </span>
          <span className="min-w-0 truncate text-xs text-muted">{hint(bar)}</span>
        </span>
        <span aria-hidden className="h-2 max-sm:col-span-2 max-sm:row-start-2">
          <span
            className={`bar block h-full rounded-full ${COLOURS[bar.kind]} ${bar.open ? 'pulse' : ''}`}
            style={variables({
              '--from': `min(${bar.from * 100}%, calc(100% - 3px))`,
              '--width': `${bar.width * 100}%`,
            })}
          />
        </span>
        <span className="text-right text-xs text-muted">{bar.open ? 'running' : formatDuration(bar.durationMs)}</span>
        <span className="text-right text-xs text-muted max-sm:hidden">
          {bar.costUsd === undefined ? '' : formatMoney(bar.costUsd)}
        </span>
      </button>
      {open && (
        <div className="flex flex-col gap-2.5 border-t border-line bg-bg px-4 py-3 text-[13px]">
          <Details bar={bar} run={run} />
        </div>
      )}
    </>
  );
}

function Key({ kind, name }: { kind: Bar['kind']; name: string }) {
  return (
    <span className="flex items-center gap-1.5">
      <span aria-hidden className={`size-2 rounded-full ${COLOURS[kind]}`} />
      {name}
    </span>
  );
}

function hint(bar: Bar): string {
  if (bar.item.kind === 'tool') return summarise(bar.item.input);
  if (bar.item.kind === 'wait') return bar.item.event.detail;
  return textOf(bar.item).replace(/\s+/g, ' ').slice(0, 120);
}

function Details({ bar, run }: { bar: Bar; run: RunModel }) {
  const { item } = bar;
  if (item.kind === 'model') return <ModelDetails item={item} />;
  if (item.kind === 'tool') return <ToolCallDetails item={item} />;
  return (
    <p className="text-muted">
      {item.event.detail}
      {item.event.deadline !== undefined && ` Until ${new Date(item.event.deadline).toLocaleString()}.`}
      {item.event.on === 'child' && run.state === 'waiting' && ' The worker has its own timeline.'}
    </p>
  );
}

function ModelDetails({ item }: { item: ModelItem }) {
  if (item.failed)
    return <ErrorNote error={item.failed.error}>{item.failed.willRetry && <p>It was tried again.</p>}</ErrorNote>;
  if (!item.finished) return <p className="text-muted">The answer is on its way.</p>;
  const { usage, stop, firstTokenMs, costUsd, estimated } = item.finished;
  const facts = [
    ['model', item.model],
    ['step', `${item.step}, attempt ${item.attempt}`],
    ['stopped by', stop],
    ['first token', firstTokenMs === undefined ? 'not measured' : formatDuration(firstTokenMs)],
    ['tokens in', count(usage.inputTokens)],
    ['from cache', count(usage.cachedInputTokens)],
    ['tokens out', count(usage.outputTokens)],
    ['reasoning', count(usage.reasoningTokens)],
    ['cost', `${costUsd === undefined ? 'not known' : formatMoney(costUsd)}${estimated ? ' (estimated)' : ''}`],
  ];
  const reasoning = reasoningOf(item);
  const text = textOf(item);
  return (
    <>
      <Facts facts={facts} />
      {reasoning !== '' && <Output label="Reasoning" text={reasoning} />}
      {text !== '' && <Output label="Text of the model" text={text} />}
    </>
  );
}

const count = (tokens: number | undefined): string => (tokens === undefined ? 'not reported' : formatTokens(tokens));

function ToolCallDetails({ item }: { item: ToolItem }) {
  const label = item.outcome?.label;
  const facts = [
    ['step', String(item.step)],
    ['outcome', item.outcome?.status ?? 'open'],
    ['exit', exitText(item.outcome?.data) ?? ''],
    ['label', label ? `${label.integrity}, ${label.confidentiality}` : ''],
    ['origins', label?.origins.join(', ') ?? ''],
    [
      'decided',
      item.approval?.outcome === undefined
        ? ''
        : `${item.approval.outcome} by ${item.approval.by} (${item.approval.surface})`,
    ],
  ].filter(([, value]) => value !== '');
  return (
    <>
      <Facts facts={facts} />
      <ToolDetails item={item} />
      {item.childRunId !== undefined && (
        <Link href={runPath(item.childRunId)} className="self-start text-accent underline underline-offset-2">
          Timeline of the worker
        </Link>
      )}
    </>
  );
}

function Facts({ facts }: { facts: readonly (readonly (string | undefined)[])[] }) {
  return (
    <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-0.5 sm:grid-cols-[auto_minmax(0,1fr)_auto_minmax(0,1fr)]">
      {facts.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-muted">{name}</dt>
          <dd className="wrap-anywhere">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
