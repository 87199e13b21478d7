import { useQuery } from '@tanstack/react-query';
import { Wallet } from 'lucide-react';
import {
  amountWords,
  BUDGET_SCOPES,
  type BudgetLimit,
  type BudgetWindow,
  DIMENSION_WORDS,
  type DimensionView,
  EVERY_ID,
  type ScopeView,
  WINDOW_WORDS,
} from '../../../src/protocol/budget.ts';
import { agentTitle, useAgents, useApp } from '../app-context.tsx';
import { formatMoney } from '../format.ts';
import { Empty, ErrorNote, Meter, Page, PageTitle, SkeletonRows, toNamedError } from '../ui/basics.tsx';

const KIND_TITLES: Readonly<Record<ScopeView['kind'], string>> = {
  org: 'The whole installation',
  team: 'Team',
  agent: '',
  run: 'Run',
  task: 'Task',
};
const WINDOWS: readonly (readonly [BudgetWindow, string])[] = [
  ['day', 'today'],
  ['month', 'this month'],
  ['total', 'in all'],
];

/** What each scope has used against its walls. Amounts are the vault's own ledger. */
export function BudgetPage() {
  const { api } = useApp();
  const agents = useAgents();
  const spending = useQuery({ queryKey: ['budgets', 'spending'], queryFn: api.spending, refetchInterval: 15_000 });
  const scopes = [...(spending.data?.scopes ?? [])]
    .filter(({ dimensions }) => dimensions.length > 0)
    .sort((a, b) => BUDGET_SCOPES.indexOf(a.kind) - BUDGET_SCOPES.indexOf(b.kind) || a.id.localeCompare(b.id));
  const money = scopes.find(({ kind }) => kind === 'org')?.dimensions.find(({ dimension }) => dimension === 'usd');
  return (
    <Page>
      <PageTitle title="Budget">
        {money && (
          <p className="text-[13px] text-muted">
            All agents: <strong className="font-semibold text-text">{formatMoney(money.day)}</strong> today,{' '}
            <strong className="font-semibold text-text">{formatMoney(money.month)}</strong> this month
          </p>
        )}
      </PageTitle>
      {spending.isPending && <SkeletonRows rows={2} />}
      {spending.error && <ErrorNote error={toNamedError(spending.error)} />}
      {spending.data && scopes.length === 0 && (
        <Empty icon={Wallet} title="Nothing spent yet">
          An agent appears here with its first model call.
        </Empty>
      )}
      <ul className="flex flex-col gap-3">
        {scopes.map((scope) => (
          <li key={`${scope.kind}:${scope.id}`}>
            <ScopeCard scope={scope} title={titleOf(scope, agentTitle(agents.data, scope.id))} />
          </li>
        ))}
      </ul>
      <Defaults limits={spending.data?.limits ?? []} />
      <p className="mt-4 text-[13px] text-muted">
        What a call may need is reserved before it is sent, so a cap cannot be passed. Days and months are UTC. Only the
        owner changes caps, in a terminal: <code className="font-mono text-xs">holdfast budget</code>
      </p>
    </Page>
  );
}

function titleOf({ kind, id }: ScopeView, agent: string): string {
  if (kind === 'agent') return agent;
  return kind === 'org' ? KIND_TITLES.org : `${KIND_TITLES[kind]} ${id}`;
}

function ScopeCard({ scope, title }: { scope: ScopeView; title: string }) {
  const calls = scope.dimensions.find(({ dimension }) => dimension === 'calls')?.day ?? 0;
  const reserved = scope.dimensions.find(({ dimension }) => dimension === 'usd')?.reserved ?? 0;
  return (
    <section aria-label={`Budget of ${title}`} className="card p-4">
      <div className="mb-3 flex flex-wrap items-baseline justify-between gap-x-4">
        <h2 className="min-w-0 font-semibold wrap-anywhere">{title}</h2>
        <p className="text-[13px] text-muted">
          {scope.team !== null && `team ${scope.team}, `}
          {calls} {calls === 1 ? 'call' : 'calls'} today
          {reserved > 0 && `, ${formatMoney(reserved)} reserved`}
        </p>
      </div>
      <div className="grid gap-x-8 gap-y-3 sm:grid-cols-2">
        {scope.dimensions.map((view) => (
          <Dimension key={view.dimension} view={view} />
        ))}
      </div>
    </section>
  );
}

/** Windows with a cap as meters; a dimension without any cap as one line. */
function Dimension({ view }: { view: DimensionView }) {
  const { dimension, caps } = view;
  const label = DIMENSION_WORDS[dimension];
  const capped = WINDOWS.filter(([window]) => caps[window] !== null);
  if (capped.length === 0)
    return (
      <p className="flex justify-between gap-3 text-[13px]">
        <span className="text-muted">{capitalised(label)}, today</span>
        <span>{amountWords(dimension, view.day)}, no cap</span>
      </p>
    );
  return capped.map(([window, words]) => (
    <Meter
      key={window}
      label={`${capitalised(label)}, ${words}`}
      value={view[window]}
      max={caps[window]}
      text={`${amountWords(dimension, view[window])} of ${amountWords(dimension, caps[window] ?? 0)}`}
    />
  ));
}

function Defaults({ limits }: { limits: readonly BudgetLimit[] }) {
  const defaults = limits.filter(({ id }) => id === EVERY_ID);
  if (defaults.length === 0) return null;
  return (
    <section aria-label="Defaults" className="mt-4 text-[13px] text-muted">
      <h2 className="font-semibold">Without a cap of its own</h2>
      <ul className="list-disc pl-5">
        {defaults.map(({ kind, dimension, window, cap }) => (
          <li key={`${kind} ${dimension} ${window}`}>
            every {kind}: {cap === null ? 'no cap' : amountWords(dimension, cap)} {WINDOW_WORDS[window]} (
            {DIMENSION_WORDS[dimension]})
          </li>
        ))}
      </ul>
    </section>
  );
}

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
