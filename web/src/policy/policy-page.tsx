import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useApp } from '../app-context.tsx';
import { ErrorNote, Page, PageTitle, SkeletonRows, toNamedError } from '../ui/basics.tsx';
import { ExplainForm } from './explain-form.tsx';
import { RulesCard } from './rules-card.tsx';
import { TryForm } from './try-form.tsx';

/** What an agent may do, why the gate answers as it does, and what a change of the rules would have made otherwise. */
export function PolicyPage() {
  const { api } = useApp();
  const agents = useQuery({ queryKey: ['agents'], queryFn: api.agents });
  const [agent, setAgent] = useState('operator');
  const view = useQuery({ queryKey: ['policy', agent], queryFn: () => api.policyOf(agent) });
  const problem = agents.error ?? view.error;
  return (
    <Page>
      <PageTitle title="Policy">
        <label className="flex items-center gap-2 text-[13px] text-muted">
          Agent
          <select
            value={agent}
            onChange={(event) => setAgent(event.target.value)}
            className="h-8 rounded-md border border-line-strong bg-surface px-2 text-text"
          >
            {(agents.data ?? [{ id: 'operator' }]).map(({ id }) => (
              <option key={id}>{id}</option>
            ))}
          </select>
        </label>
      </PageTitle>
      <div className="flex flex-col gap-4">
        {problem && <ErrorNote error={toNamedError(problem)} />}
        <ExplainForm key={`explain-${agent}`} agent={agent} templates={view.data?.workers ?? []} />
        <TryForm />
        {view.isPending && <SkeletonRows rows={3} />}
        {view.data && <RulesCard view={view.data} />}
      </div>
    </Page>
  );
}
