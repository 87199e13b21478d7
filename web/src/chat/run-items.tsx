import { Brain } from 'lucide-react';
import { useDraft } from '../app-context.tsx';
import { formatDuration, formatMoney, formatTokens } from '../format.ts';
import { draftText } from '../state/draft.ts';
import type { ModelItem, RunItem, RunModel } from '../state/run-model.ts';
import { ErrorNote, Fold } from '../ui/basics.tsx';
import { Markdown } from '../ui/markdown.tsx';
import { ApprovalCardView } from './approval-card.tsx';
import { UserBubble } from './message-list.tsx';
import { ToolStep } from './tool-step.tsx';
import { WorkerCard } from './worker-card.tsx';

/** The steps of a run in their order: what the model said, each tool, each question to the user. */
export function RunItems({
  run,
  leadMessageId,
  detailed = false,
}: {
  run: RunModel;
  /** The message that is already shown above. */
  leadMessageId?: string | undefined;
  /** Model calls as rows of their own, with tokens and cost. */
  detailed?: boolean;
}) {
  return run.items.map((item) => (
    <ItemView key={item.seq} item={item} runId={run.id} leadMessageId={leadMessageId} detailed={detailed} />
  ));
}

function ItemView({
  item,
  runId,
  leadMessageId,
  detailed,
}: {
  item: RunItem;
  runId: string;
  leadMessageId: string | undefined;
  detailed: boolean;
}) {
  switch (item.kind) {
    case 'input':
      if (item.event.source !== 'user' || item.event.messageId === leadMessageId) return null;
      return <UserBubble text={item.event.text} at={item.at} />;
    case 'model':
      return <ModelView item={item} detailed={detailed} />;
    case 'tool':
      return (
        <>
          {isWorker(item) ? <WorkerCard item={item} /> : <ToolStep item={item} runId={runId} />}
          {item.approval && <ApprovalCardView approval={item.approval} />}
        </>
      );
    case 'wait':
      if (item.endedAt !== undefined || item.event.on === 'approval' || item.event.on === 'child') return null;
      return <p className="text-[13px] text-warn">Waiting: {item.event.detail}</p>;
    case 'note':
      return <p className="text-[13px] text-muted">{item.text}</p>;
  }
}

const isWorker = (item: Extract<RunItem, { kind: 'tool' }>): boolean =>
  item.childRunId !== undefined || (item.tool === 'spawn_worker' && item.outcome === undefined);

function ModelView({ item, detailed }: { item: ModelItem; detailed: boolean }) {
  if (item.failed) {
    const { error, willRetry } = item.failed;
    if (!willRetry) return <ErrorNote error={error} />;
    return <p className="text-[13px] text-warn">{error.message} Trying again.</p>;
  }
  if (!item.finished) return null;
  const { message, usage, costUsd, estimated, durationMs } = item.finished;
  const reasoning = message.parts.map((part) => (part.type === 'reasoning' ? part.text : '')).join('');
  const text = textOf(item);
  return (
    <>
      {reasoning !== '' && (
        <Reasoning text={reasoning} title={`Reasoned for ${formatDuration(durationMs)}`} open={false} />
      )}
      {text.trim() !== '' && <Markdown text={text} />}
      {detailed && (
        <p className="flex flex-wrap gap-x-3 text-xs text-muted">
          <span>Model</span>
          <span>{formatDuration(durationMs)}</span>
          <span>
            {formatTokens(usage.inputTokens ?? 0)} in, {formatTokens(usage.outputTokens ?? 0)} out
          </span>
          <span>
            {formatMoney(costUsd ?? 0)}
            {estimated && ' (estimated)'}
          </span>
        </p>
      )}
    </>
  );
}

export function textOf(item: RunItem): string {
  if (item.kind !== 'model' || !item.finished) return '';
  return item.finished.message.parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
}

/** What the model is writing right now. */
export function DraftView({ runId }: { runId: string }) {
  const draft = useDraft(runId);
  if (!draft) return null;
  const reasoning = draftText(draft.reasoning);
  const text = draftText(draft.text);
  return (
    <>
      {reasoning !== '' && <Reasoning text={reasoning} title="Reasoning" open={text === ''} />}
      {text !== '' && <Markdown text={text} />}
    </>
  );
}

function Reasoning({ text, title, open }: { text: string; title: string; open: boolean }) {
  return (
    <Fold
      open={open}
      className="text-[13px]"
      summary={
        <span className="flex items-center gap-1.5">
          <Brain size={14} aria-hidden /> {title}
        </span>
      }
    >
      <div className="mt-1 ml-1.5 border-l-2 border-line pl-4 wrap-anywhere whitespace-pre-wrap text-muted">{text}</div>
    </Fold>
  );
}
