import { Brain } from 'lucide-react';
import type { ComponentType } from 'react';
import { useDraft } from '../app-context.tsx';
import { BudgetWait } from '../budget/budget-wait.tsx';
import { formatDuration, formatMoney, formatTokens } from '../format.ts';
import { draftText } from '../state/draft.ts';
import { type ModelItem, type RunItem, type RunModel, reasoningOf, type ToolItem, textOf } from '../state/run-model.ts';
import { Fold } from '../ui/basics.tsx';
import { Markdown } from '../ui/markdown.tsx';
import { ApprovalCardView } from './approval-card.tsx';
import { ToolStep } from './tool-step.tsx';
import { UserBubble } from './user-bubble.tsx';

type WorkerView = ComponentType<{ item: ToolItem }>;

/** The steps of a run in their order: what the model said, each tool, each question to the user. */
export function RunItems({
  run,
  leadMessageId,
  Worker,
  detailed = false,
}: {
  run: RunModel;
  /** Shows a call that started a run of its own; that run has steps in turn. */
  Worker: WorkerView;
  /** The message that is already shown above. */
  leadMessageId?: string | undefined;
  /** Model calls as rows of their own, with tokens and cost. */
  detailed?: boolean;
}) {
  return run.items.map((item) => (
    <ItemView
      key={item.seq}
      item={item}
      runId={run.id}
      leadMessageId={leadMessageId}
      Worker={Worker}
      detailed={detailed}
    />
  ));
}

function ItemView({
  item,
  runId,
  leadMessageId,
  Worker,
  detailed,
}: {
  item: RunItem;
  Worker: WorkerView;
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
          {item.approval && <ApprovalCardView approval={item.approval} />}
          {isWorker(item) ? <Worker item={item} /> : isAsking(item) || <ToolStep item={item} runId={runId} />}
        </>
      );
    case 'wait':
      if (item.endedAt !== undefined || item.event.on === 'approval' || item.event.on === 'child') return null;
      if (item.event.on === 'budget') return <BudgetWait event={item.event} />;
      return <p className="text-[13px] text-warn">Waiting: {item.event.detail}</p>;
    case 'note':
      return <p className="text-[13px] text-muted">{item.text}</p>;
  }
}

const isWorker = (item: Extract<RunItem, { kind: 'tool' }>): boolean =>
  item.childRunId !== undefined || (item.tool === 'spawn_worker' && item.startedAt !== undefined && !item.outcome);

/** While the user is asked, the card stands for the step. */
const isAsking = (item: ToolItem): boolean => item.approval !== undefined && item.approval.outcome === undefined;

function ModelView({ item, detailed }: { item: ModelItem; detailed: boolean }) {
  if (item.failed) {
    const { error, willRetry } = item.failed;
    // The run ends with this error and shows it, or waits at a cap, and the card of it says more.
    if (!willRetry || error.budget !== undefined) return null;
    return <p className="text-[13px] text-warn">{error.message} Trying again.</p>;
  }
  if (!item.finished) return null;
  const { usage, costUsd, estimated, durationMs } = item.finished;
  const reasoning = reasoningOf(item);
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
