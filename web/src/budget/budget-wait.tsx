import { Wallet } from 'lucide-react';
import { amountWords, scopeArgument, scopeWords } from '../../../src/protocol/budget.ts';
import type { EventOf } from '../../../src/protocol/event.ts';
import { Meter } from '../ui/basics.tsx';

const FLAGS = { day: '--daily', month: '--monthly', total: '--total' } as const;

/** A run stands at a cap: which, how high, and the command that raises it. Only the owner's terminal can. */
export function BudgetWait({ event }: { event: EventOf<'run.waiting'> }) {
  const { budget } = event;
  if (budget === undefined) return <p className="text-[13px] text-warn">Waiting: {event.detail}</p>;
  const { dimension, window, cap, spent, needed, temporary, resetsAt } = budget;
  const of = dimension === 'usd' ? '' : ` --of ${dimension}`;
  return (
    <section aria-label="Waiting at a budget" className="card flex flex-col gap-2 border-warn p-4 text-[13px]">
      <h3 className="flex items-center gap-2 font-semibold">
        <Wallet size={15} aria-hidden className="shrink-0 text-warn" />
        The run waits: the budget of {scopeWords(budget)} is reached
      </h3>
      <Meter
        label="Used"
        value={spent}
        max={cap}
        text={`${amountWords(dimension, spent)} of ${amountWords(dimension, cap)}`}
      />
      <p className="text-muted">
        The next step needs up to {amountWords(dimension, needed)}.{' '}
        {temporary
          ? 'Calls under way hold what is missing; it goes on when they end.'
          : `It goes on when the cap is raised${resetsAt === null ? '' : ` or the window begins anew at ${new Date(resetsAt).toLocaleString()}`}.`}
      </p>
      {!temporary && (
        <p>
          <code className="font-mono text-xs wrap-anywhere">
            holdfast budget {scopeArgument(budget)} {FLAGS[window]} …{of}
          </code>
        </p>
      )}
    </section>
  );
}
