import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useApp } from '../app-context.tsx';
import { formatMoney } from '../format.ts';
import { Link, runPath } from '../router.tsx';
import { Badge, Button, ErrorNote, type NamedError, SkeletonRows, toNamedError } from '../ui/basics.tsx';

/** What it did, and what was changed of it. */
export function AgentActivity({ agentId }: { agentId: string }) {
  const { api } = useApp();
  const queries = useQueryClient();
  const [error, setError] = useState<NamedError>();
  const runs = useQuery({ queryKey: ['runs', { agentId }], queryFn: () => api.runs({ agentId }) });
  const changes = useQuery({ queryKey: ['agents', agentId, 'revisions'], queryFn: () => api.fleet.revisions(agentId) });
  const undo = (revision: number) => {
    setError(undefined);
    api.fleet
      .undo(agentId, revision)
      .then(() => queries.invalidateQueries({ queryKey: ['agents'] }))
      .catch((thrown: unknown) => setError(toNamedError(thrown)));
  };
  return (
    <div className="flex flex-col gap-8">
      <section aria-label="Runs">
        <h2 className="mb-2 font-semibold">Latest runs</h2>
        {runs.isPending && <SkeletonRows rows={3} />}
        {runs.data?.length === 0 && <p className="text-[13px] text-muted">It has not run yet.</p>}
        <ul className="card divide-y divide-line empty:hidden">
          {runs.data?.slice(0, 15).map((run) => (
            <li key={run.id} className="flex items-center gap-3 px-4 py-2 text-[13px]">
              <Badge tone={run.state === 'done' ? 'ok' : run.state === 'failed' ? 'danger' : 'neutral'}>
                {run.state}
              </Badge>
              <Link href={runPath(run.id)} className="min-w-0 grow truncate hover:underline">
                {run.title || run.kind}
              </Link>
              <span className="text-xs text-muted">{formatMoney(run.costUsd)}</span>
            </li>
          ))}
        </ul>
      </section>
      <section aria-label="Changes">
        <h2 className="mb-2 font-semibold">Changes</h2>
        {error && <ErrorNote error={error} />}
        <ul className="card divide-y divide-line">
          {changes.data?.map((one) => (
            <li key={one.revision} className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2 text-[13px]">
              <span className="w-6 text-muted">{one.revision}</span>
              <span className="min-w-0 grow wrap-anywhere">
                {one.change}
                {one.change === 'created' ? '' : `: ${one.fields.join(', ')}`}
              </span>
              <span className="text-xs text-muted">
                {one.by}, {new Date(one.at).toLocaleString()}
              </span>
              {one.change !== 'created' && <Button onClick={() => undo(one.revision)}>Undo</Button>}
            </li>
          ))}
        </ul>
      </section>
    </div>
  );
}
