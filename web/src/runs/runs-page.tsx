import { useQuery } from '@tanstack/react-query';
import { Activity } from 'lucide-react';
import { useState } from 'react';
import type { RunView } from '../../../src/protocol/api.ts';
import { agentTitle, useAgents, useApp, useNow } from '../app-context.tsx';
import { StateBadge } from '../chat/worker-card.tsx';
import { formatAge, formatDuration, formatMoney } from '../format.ts';
import { Link, runPath } from '../router.tsx';
import { Empty, ErrorNote, Page, PageTitle, SkeletonRows, toNamedError } from '../ui/basics.tsx';

export function RunsPage() {
  const { api } = useApp();
  const agents = useAgents();
  const [agentId, setAgentId] = useState(() => new URLSearchParams(location.search).get('agent') ?? '');
  const [active, setActive] = useState(false);
  const filter = { ...(agentId === '' ? {} : { agentId }), ...(active ? { active } : {}) };
  const runs = useQuery({ queryKey: ['runs', filter], queryFn: () => api.runs(filter) });
  return (
    <Page>
      <PageTitle title="Runs">
        <div className="flex flex-wrap items-center gap-4 text-[13px]">
          <label className="flex h-8 items-center gap-2">
            <input
              type="checkbox"
              checked={active}
              onChange={(event) => setActive(event.target.checked)}
              className="size-4 accent-accent"
            />
            Active only
          </label>
          <select
            aria-label="Agent"
            value={agentId}
            onChange={(event) => setAgentId(event.target.value)}
            className="h-8 max-w-44 rounded-md border border-line-strong bg-surface px-2"
          >
            <option value="">All agents</option>
            {agents.data?.map((agent) => (
              <option key={agent.id} value={agent.id}>
                {agent.title}
              </option>
            ))}
          </select>
        </div>
      </PageTitle>
      {runs.isPending && <SkeletonRows />}
      {runs.error && <ErrorNote error={toNamedError(runs.error)} />}
      {runs.data?.length === 0 && (
        <Empty icon={Activity} title={active ? 'Nothing runs right now' : 'No runs yet'}>
          {active ? 'Finished runs show when you clear the filter.' : 'Each message you send in the chat starts one.'}
        </Empty>
      )}
      {runs.data && runs.data.length > 0 && (
        <ul className="card divide-y divide-line overflow-hidden">
          {runs.data.map((run) => (
            <li key={run.id}>
              <RunRow run={run} who={run.template ?? agentTitle(agents.data, run.agentId)} />
            </li>
          ))}
        </ul>
      )}
    </Page>
  );
}

function RunRow({ run, who }: { run: RunView; who: string }) {
  const live = run.finishedAt === null;
  const now = useNow(live ? 1_000 : 60_000);
  const took = run.startedAt === null ? undefined : (run.finishedAt ?? now) - run.startedAt;
  return (
    <Link
      href={runPath(run.id)}
      className="grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 gap-y-0.5 px-4 py-2.5 hover:bg-hover focus-visible:-outline-offset-2 sm:grid-cols-[minmax(0,1fr)_7rem_5rem_5rem_6rem]"
    >
      <span className="min-w-0">
        <span className="block truncate font-medium">{run.title || run.id}</span>
        <span className="block truncate text-xs text-muted">
          {who} · {run.kind}
          {run.waitingFor !== null && ` · waits for ${run.waitingFor}`}
        </span>
      </span>
      <span className="justify-self-end sm:justify-self-start">
        <StateBadge state={run.state} />
      </span>
      <span className="text-[13px] text-muted max-sm:hidden">{took === undefined ? '' : formatDuration(took)}</span>
      <span className="text-[13px] text-muted max-sm:hidden">{formatMoney(run.costUsd)}</span>
      <span className="text-[13px] text-muted max-sm:col-span-2 max-sm:text-xs sm:justify-self-end">
        {formatAge(run.createdAt, now)}
      </span>
    </Link>
  );
}
