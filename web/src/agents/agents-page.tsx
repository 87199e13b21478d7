import { Bot } from 'lucide-react';
import { useState } from 'react';
import type { AgentView } from '../../../src/protocol/api.ts';
import { useAgents, useStatus } from '../app-context.tsx';
import { formatMoney } from '../format.ts';
import { agentPath, chatPath, Link } from '../router.tsx';
import {
  Badge,
  Button,
  Empty,
  ErrorNote,
  Fold,
  Meter,
  Page,
  PageTitle,
  SkeletonRows,
  type Tone,
  toNamedError,
} from '../ui/basics.tsx';
import { NewAgent } from './new-agent.tsx';
import { Templates } from './templates.tsx';

const STATE_TONES: Record<AgentView['state'], Tone> = { idle: 'neutral', working: 'accent', waiting: 'warn' };

export function AgentsPage() {
  const agents = useAgents();
  const [making, setMaking] = useState(false);
  return (
    <Page>
      <PageTitle title="Agents">
        <Button look="primary" onClick={() => setMaking(true)}>
          New agent
        </Button>
      </PageTitle>
      {agents.isPending && <SkeletonRows rows={2} />}
      {agents.error && <ErrorNote error={toNamedError(agents.error)} />}
      {agents.data?.length === 0 && (
        <Empty icon={Bot} title="No agents yet">
          The operator appears as soon as the host has started.
        </Empty>
      )}
      <ul className="grid gap-3 lg:grid-cols-2">
        {agents.data?.map((agent) => (
          <li key={agent.id}>
            <AgentCard agent={agent} />
          </li>
        ))}
      </ul>
      <Templates />
      {making && <NewAgent onClose={() => setMaking(false)} />}
    </Page>
  );
}

function AgentCard({ agent }: { agent: AgentView }) {
  return (
    <section aria-label={agent.title} className="card flex h-full flex-col gap-3 p-4">
      <div className="flex items-start justify-between gap-3">
        <div className="min-w-0">
          <h2 className="truncate font-semibold">
            <Link href={agentPath(agent.id)} className="hover:underline">
              {agent.title}
            </Link>
          </h2>
          <p className="truncate text-[13px] text-muted">{agent.model}</p>
        </div>
        <div className="flex flex-wrap justify-end gap-1.5">
          {agent.simulated && <Badge tone="warn">Simulator</Badge>}
          <SandboxBadge tools={agent.tools} />
          <Badge tone={STATE_TONES[agent.state]}>{agent.state}</Badge>
        </div>
      </div>
      <p className="text-[13px] text-muted">{agent.description}</p>
      {agent.budget && (
        <Meter
          label="Today"
          value={agent.budget.spentTodayUsd}
          max={agent.budget.caps.dailyUsd}
          text={`${formatMoney(agent.budget.spentTodayUsd)} of ${agent.budget.caps.dailyUsd === null ? 'no cap' : formatMoney(agent.budget.caps.dailyUsd)}`}
        />
      )}
      <Fold summary={`${agent.tools.length} ${agent.tools.length === 1 ? 'tool' : 'tools'}`} className="text-[13px]">
        <p className="mt-1 ml-5 font-mono text-xs wrap-anywhere text-muted">{agent.tools.join(', ') || 'none'}</p>
      </Fold>
      <div className="mt-auto flex gap-4 text-[13px]">
        <Link href={chatPath(agent.id)} className="font-medium text-accent underline-offset-2 hover:underline">
          Chat
        </Link>
        <Link
          href={`/runs?agent=${agent.id}`}
          className="text-muted underline-offset-2 hover:text-text hover:underline"
        >
          Runs
        </Link>
      </div>
    </section>
  );
}

const SANDBOX_TOOLS = /^(run_command|read_file|write_file|edit_file|list_files|search_files)$/;

/** Which tier holds what this agent's tools do. An agent without such tools has nothing to hold. */
function SandboxBadge({ tools }: { tools: readonly string[] }) {
  const sandbox = useStatus()?.sandbox;
  if (!sandbox) return null;
  if (sandbox.launcher === 'unsafe') return <Badge tone="danger">no isolation</Badge>;
  if (!tools.some((tool) => SANDBOX_TOOLS.test(tool) || tool === 'spawn_worker')) return null;
  if (sandbox.probing) return <Badge>sandbox is tried out</Badge>;
  if (!sandbox.available)
    return (
      <Badge tone="danger" title={sandbox.remedy}>
        no sandbox
      </Badge>
    );
  return (
    <Badge tone="ok" title={sandbox.reason}>
      {sandbox.launcher}
    </Badge>
  );
}
