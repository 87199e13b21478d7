import { useQuery } from '@tanstack/react-query';
import { Wallet } from 'lucide-react';
import type { BudgetView } from '../../../src/protocol/vault-api.ts';
import { agentTitle, useAgents, useApp } from '../app-context.tsx';
import { formatMoney } from '../format.ts';
import { Empty, ErrorNote, Meter, Page, PageTitle, SkeletonRows, toNamedError } from '../ui/basics.tsx';

/** What each agent has spent against its wall. Amounts are the vault's own ledger. */
export function BudgetPage() {
  const { api } = useApp();
  const agents = useAgents();
  const budgets = useQuery({ queryKey: ['budgets'], queryFn: api.budgets, refetchInterval: 15_000 });
  const rows = (budgets.data ?? []).filter((budget) => budget.agent !== '*');
  const today = rows.reduce((sum, row) => sum + row.spentTodayUsd, 0);
  const month = rows.reduce((sum, row) => sum + row.spentThisMonthUsd, 0);
  return (
    <Page>
      <PageTitle title="Budget">
        {rows.length > 0 && (
          <p className="text-[13px] text-muted">
            All agents: <strong className="font-semibold text-text">{formatMoney(today)}</strong> today,{' '}
            <strong className="font-semibold text-text">{formatMoney(month)}</strong> this month
          </p>
        )}
      </PageTitle>
      {budgets.isPending && <SkeletonRows rows={2} />}
      {budgets.error && <ErrorNote error={toNamedError(budgets.error)} />}
      {budgets.data && rows.length === 0 && (
        <Empty icon={Wallet} title="Nothing spent yet">
          An agent appears here with its first model call.
        </Empty>
      )}
      <ul className="flex flex-col gap-3">
        {rows.map((budget) => (
          <li key={budget.agent}>
            <BudgetCard budget={budget} title={agentTitle(agents.data, budget.agent)} />
          </li>
        ))}
      </ul>
      <p className="mt-4 text-[13px] text-muted">
        Money is reserved before a call is sent, so a cap cannot be passed. Days and months are UTC. Only the owner
        changes caps, in a terminal: <code className="font-mono text-xs">holdfast budget</code>
      </p>
    </Page>
  );
}

function BudgetCard({ budget, title }: { budget: BudgetView; title: string }) {
  const { caps, spentTodayUsd, spentThisMonthUsd, reservedUsd, callsToday } = budget;
  return (
    <section aria-label={`Budget of ${title}`} className="card p-4">
      <div className="mb-3 flex flex-wrap items-baseline justify-between gap-x-4">
        <h2 className="font-semibold">{title}</h2>
        <p className="text-[13px] text-muted">
          {callsToday} {callsToday === 1 ? 'call' : 'calls'} today
          {reservedUsd > 0 && `, ${formatMoney(reservedUsd)} reserved`}
        </p>
      </div>
      <div className="grid gap-x-8 gap-y-3 sm:grid-cols-2">
        <Meter label="Today" value={spentTodayUsd} max={caps.dailyUsd} text={against(spentTodayUsd, caps.dailyUsd)} />
        <Meter
          label="This month"
          value={spentThisMonthUsd}
          max={caps.monthlyUsd}
          text={against(spentThisMonthUsd, caps.monthlyUsd)}
        />
      </div>
    </section>
  );
}

const against = (spent: number, cap: number | null): string =>
  cap === null ? `${formatMoney(spent)}, no cap` : `${formatMoney(spent)} of ${formatMoney(cap)}`;
