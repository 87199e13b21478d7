import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useApp } from '../app-context.tsx';
import { chatPath, Link } from '../router.tsx';
import { Badge, ErrorNote, Page, PageTitle, SkeletonRows, toNamedError } from '../ui/basics.tsx';
import { AgentActivity } from './agent-activity.tsx';
import { AgentFiles } from './agent-files.tsx';
import { AgentPermissions } from './agent-permissions.tsx';
import { AgentSettingsForm } from './agent-settings.tsx';

const TABS = ['Settings', 'Identity', 'Permissions', 'Activity'] as const;

export function AgentPage({ agentId }: { agentId: string }) {
  const { api } = useApp();
  const [tab, setTab] = useState<(typeof TABS)[number]>('Settings');
  const config = useQuery({ queryKey: ['agents', agentId, 'config'], queryFn: () => api.fleet.config(agentId) });
  const agent = config.data;
  return (
    <Page>
      <PageTitle title={agent?.title ?? agentId}>
        <div className="flex items-center gap-3 text-[13px]">
          {agent && agent.status !== 'active' && <Badge tone="warn">{agent.status}</Badge>}
          <Link href={chatPath(agentId)} className="font-medium text-accent underline-offset-2 hover:underline">
            Chat
          </Link>
          <Link href="/agents" className="text-muted underline-offset-2 hover:underline">
            All agents
          </Link>
        </div>
      </PageTitle>
      <div
        role="tablist"
        aria-label="Parts of the agent"
        className="mb-5 flex gap-1 overflow-x-auto border-b border-line"
      >
        {TABS.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            aria-selected={tab === name}
            onClick={() => setTab(name)}
            className="-mb-px border-b-2 border-transparent px-3 py-2 text-[13px] font-medium text-muted hover:text-text aria-selected:border-accent aria-selected:text-text"
          >
            {name}
          </button>
        ))}
      </div>
      {config.isPending && <SkeletonRows rows={4} />}
      {config.error && <ErrorNote error={toNamedError(config.error)} />}
      {agent && tab === 'Settings' && <AgentSettingsForm key={agent.revision} agent={agent} />}
      {agent && tab === 'Identity' && <AgentFiles agentId={agentId} />}
      {agent && tab === 'Permissions' && <AgentPermissions key={agent.revision} agent={agent} />}
      {agent && tab === 'Activity' && <AgentActivity agentId={agentId} />}
    </Page>
  );
}
