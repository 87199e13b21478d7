import { useQuery } from '@tanstack/react-query';
import { Ban, Check, CircleDashed, CircleHelp, Clock, X } from 'lucide-react';
import { useState } from 'react';
import type { JsonValue } from '../../../src/protocol/json.ts';
import type { ToolOutcome } from '../../../src/protocol/tool.ts';
import { useApp, useLiveOutput } from '../app-context.tsx';
import { formatBytes, formatDuration } from '../format.ts';
import type { ToolItem } from '../state/run-model.ts';
import { Badge, Button, ErrorNote, Fold, Output, toNamedError } from '../ui/basics.tsx';

/** One tool call: a line that opens to its arguments, the decision and the output. */
export function ToolStep({ item, runId }: { item: ToolItem; runId: string }) {
  return (
    <div className="text-[13px]">
      <Fold
        summary={
          <span className="flex min-w-0 flex-1 items-center gap-2">
            <StepMark item={item} />
            <code className="shrink-0 font-mono text-xs font-medium text-text">{item.tool}</code>
            <span className="min-w-0 flex-1 truncate font-mono text-xs">{summarise(item.input)}</span>
            <StepFacts item={item} />
          </span>
        }
      >
        <div className="mt-1.5 mb-2 ml-5 flex flex-col gap-2">
          <ToolDetails item={item} />
        </div>
      </Fold>
      {item.outcome === undefined && <LiveOutput item={item} runId={runId} />}
    </div>
  );
}

/** Shown without a click while the tool runs; folds into the step when the outcome is there. */
function LiveOutput({ item, runId }: { item: ToolItem; runId: string }) {
  const live = useLiveOutput(runId, item.callId);
  if (!live) return null;
  return (
    <div className="mt-1 mb-2 ml-5 flex flex-col gap-1">
      {live.cut && <p className="text-xs text-muted">Earlier output is left out here.</p>}
      {live.text !== '' && <Output label={`Live output of ${item.tool}`} text={live.text} tail />}
      {live.progress !== '' && <p className="text-muted">{live.progress}</p>}
    </div>
  );
}

export function StepMark({ item }: { item: ToolItem }) {
  if (!item.outcome) {
    if (item.approval && item.approval.outcome === undefined)
      return <Clock size={14} role="img" aria-label="waiting for a decision" className="shrink-0 text-warn" />;
    return <CircleDashed size={14} role="img" aria-label="running" className="pulse shrink-0 text-accent" />;
  }
  switch (item.outcome.status) {
    case 'ok':
      return <Check size={14} role="img" aria-label="done" className="shrink-0 text-ok" />;
    case 'denied':
      return <Ban size={14} role="img" aria-label="denied" className="shrink-0 text-danger" />;
    case 'unknown':
      return <CircleHelp size={14} role="img" aria-label="outcome unknown" className="shrink-0 text-warn" />;
    default:
      return <X size={14} role="img" aria-label={item.outcome.status} className="shrink-0 text-danger" />;
  }
}

function StepFacts({ item }: { item: ToolItem }) {
  const exit = exitText(item.outcome?.data);
  return (
    <span className="flex shrink-0 items-center gap-2 text-xs">
      {item.outcome && item.outcome.status !== 'ok' && <Badge tone="danger">{item.outcome.status}</Badge>}
      {exit !== undefined && <span className="max-sm:hidden">exit {exit}</span>}
      {item.durationMs !== undefined && <span>{formatDuration(item.durationMs)}</span>}
    </span>
  );
}

/** Arguments, decision, outcome; shared by the chat and the timeline. */
export function ToolDetails({ item }: { item: ToolItem }) {
  return (
    <>
      <Labelled name="Arguments">
        <Output label={`Arguments of ${item.tool}`} text={JSON.stringify(item.input, null, 2)} />
      </Labelled>
      {item.decision && (
        <p className="text-muted">
          Decision: <span className="text-text">{item.decision.kind}</span> by rule{' '}
          <code className="font-mono text-xs">{item.decision.rule}</code>
          {item.decision.kind === 'deny' && `. ${item.decision.reason} ${item.decision.unlock}`}
        </p>
      )}
      {item.outcome && (
        <Labelled name="Output">
          <Output label={`Output of ${item.tool}`} text={item.outcome.text || '(nothing)'} />
          {item.outcome.blob !== undefined && isShortened(item.outcome) && (
            <WholeOutput hash={item.outcome.blob} bytes={item.outcome.bytes} />
          )}
        </Labelled>
      )}
    </>
  );
}

/** Short outputs are kept as a blob too, but there is nothing more in it. */
const isShortened = ({ text, bytes }: ToolOutcome): boolean => bytes === undefined || bytes > text.length;

function Labelled({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div className="flex flex-col gap-1">
      <p className="text-xs font-medium text-muted">{name}</p>
      {children}
    </div>
  );
}

const LARGEST_SHOWN_BYTES = 2_000_000;

function WholeOutput({ hash, bytes }: { hash: string; bytes: number | undefined }) {
  const { api } = useApp();
  const [asked, setAsked] = useState(false);
  const whole = useQuery({
    queryKey: ['blob', hash],
    queryFn: () => api.blobText(hash),
    enabled: asked,
    staleTime: Infinity,
  });
  const size = bytes === undefined ? '' : ` (${formatBytes(bytes)})`;
  if (whole.data !== undefined) return <Output label="Whole output" text={whole.data} />;
  if (whole.error) return <ErrorNote error={toNamedError(whole.error)} />;
  return (
    <div className="flex flex-wrap gap-3">
      {(bytes ?? 0) <= LARGEST_SHOWN_BYTES && (
        <Button disabled={asked} onClick={() => setAsked(true)}>
          Show the whole output{size}
        </Button>
      )}
      <a
        href={`/api/blobs/${hash}`}
        download={`output-${hash.slice(0, 8)}.txt`}
        className="inline-flex h-8 items-center text-accent underline underline-offset-2"
      >
        Download{(bytes ?? 0) > LARGEST_SHOWN_BYTES && size}
      </a>
    </div>
  );
}

/** The one argument a reader wants to see on a single line. */
export function summarise(input: JsonValue): string {
  if (input === null || typeof input !== 'object') return String(input);
  const record = Array.isArray(input) ? { items: input } : input;
  const value = record.command ?? record.path ?? record.url ?? record.pattern ?? record.query ?? record.title;
  const chosen = value ?? Object.values(record).find((candidate) => typeof candidate === 'string');
  if (chosen === undefined) return Object.keys(record).length === 0 ? '' : JSON.stringify(record).slice(0, 200);
  return (typeof chosen === 'string' ? chosen : JSON.stringify(chosen)).replace(/\s+/g, ' ').slice(0, 200);
}

export function exitText(data: JsonValue | undefined): string | undefined {
  if (data === null || typeof data !== 'object' || Array.isArray(data)) return undefined;
  if (typeof data.exitCode === 'number') return String(data.exitCode);
  return typeof data.limit === 'string'
    ? `${data.limit} limit`
    : typeof data.reason === 'string'
      ? data.reason
      : undefined;
}
