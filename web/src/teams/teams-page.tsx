import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Users } from 'lucide-react';
import { useState } from 'react';
import type { TeamView } from '../../../src/protocol/team.ts';
import { useAgents, useApp } from '../app-context.tsx';
import { FIELD } from '../policy/fields.tsx';
import { agentPath, Link } from '../router.tsx';
import {
  Badge,
  Button,
  Empty,
  ErrorNote,
  Fold,
  type NamedError,
  Page,
  PageTitle,
  SkeletonRows,
  toNamedError,
} from '../ui/basics.tsx';
import { SendForm, TextArea } from '../ui/form.tsx';
import { NewTeam } from './new-team.tsx';

export function TeamsPage() {
  const { api } = useApp();
  const [making, setMaking] = useState(false);
  const teams = useQuery({ queryKey: ['teams'], queryFn: api.fleet.teams });
  return (
    <Page>
      <PageTitle title="Teams">
        <Button look="primary" onClick={() => setMaking(true)}>
          New team
        </Button>
      </PageTitle>
      {teams.isPending && <SkeletonRows rows={2} />}
      {teams.error && <ErrorNote error={toNamedError(teams.error)} />}
      {teams.data?.length === 0 && (
        <Empty icon={Users} title="No teams yet">
          A team is a few agents with a goal, a TEAM.md that all of them read, and a blackboard of their own.
        </Empty>
      )}
      <ul className="grid grid-cols-[minmax(0,1fr)] gap-3 lg:grid-cols-[repeat(2,minmax(0,1fr))]">
        {teams.data?.map((team) => (
          <li key={team.id}>
            <TeamCard team={team} />
          </li>
        ))}
      </ul>
      {making && <NewTeam onClose={() => setMaking(false)} />}
    </Page>
  );
}

function TeamCard({ team }: { team: TeamView }) {
  const { api } = useApp();
  const queries = useQueryClient();
  const [error, setError] = useState<NamedError>();
  const [open, setOpen] = useState(false);
  const act = (work: () => Promise<unknown>) => {
    setError(undefined);
    work()
      .then(() =>
        Promise.all([
          queries.invalidateQueries({ queryKey: ['teams'] }),
          queries.invalidateQueries({ queryKey: ['agents'] }),
        ]),
      )
      .catch((thrown: unknown) => setError(toNamedError(thrown)));
  };
  const dissolve = () => {
    if (confirm(`Dissolve ${team.id}? Its members stay without a team.`))
      act(() => api.fleet.removeTeam(team.id, false));
  };
  return (
    <section aria-label={team.title} className="card flex h-full flex-col gap-3 p-4">
      <div className="flex items-start justify-between gap-3">
        <div className="min-w-0">
          <h2 className="truncate font-semibold">{team.title}</h2>
          <p className="text-[13px] text-muted">{team.id}</p>
        </div>
        <Button look="danger" onClick={dissolve}>
          Dissolve
        </Button>
      </div>
      <p className="text-[13px] text-muted">{team.description}</p>
      <ul className="flex flex-col gap-1">
        {team.members.map((member) => (
          <li key={member.id} className="flex items-center gap-2 text-[13px]">
            <Link href={agentPath(member.id)} className="min-w-0 truncate text-accent hover:underline">
              {member.id}
            </Link>
            <span className="min-w-0 grow truncate text-muted">{member.role}</span>
            {team.lead === member.id && <Badge tone="accent">leads</Badge>}
            <Button look="quiet" onClick={() => act(() => api.fleet.leave(team.id, member.id))}>
              Leave
            </Button>
          </li>
        ))}
      </ul>
      <Joiner team={team} onJoin={(agent) => act(() => api.fleet.join(team.id, agent))} />
      {error && <ErrorNote error={error} />}
      <Fold summary="TEAM.md" open={open} className="text-[13px]">
        <TeamFile teamId={team.id} onShown={() => setOpen(true)} />
      </Fold>
    </section>
  );
}

function Joiner({ team, onJoin }: { team: TeamView; onJoin: (agent: string) => void }) {
  const agents = useAgents().data ?? [];
  const free = agents.filter((agent) => agent.kind === 'agent' && agent.team === null && agent.status === 'active');
  if (free.length === 0) return null;
  return (
    <select
      aria-label={`Add a member to ${team.id}`}
      className={FIELD}
      value=""
      onChange={(event) => onJoin(event.target.value)}
    >
      <option value="">Add a member…</option>
      {free.map((agent) => (
        <option key={agent.id}>{agent.id}</option>
      ))}
    </select>
  );
}

function TeamFile({ teamId, onShown }: { teamId: string; onShown: () => void }) {
  const { api } = useApp();
  const file = useQuery({ queryKey: ['teams', teamId, 'file'], queryFn: () => api.fleet.teamFile(teamId) });
  const [text, setText] = useState<string>();
  if (file.data === undefined) return <SkeletonRows rows={3} />;
  return (
    <SendForm label="Save" onSend={() => api.fleet.editTeam(teamId, { team_md: text ?? file.data })}>
      <TextArea
        label="What all members read"
        rows={10}
        value={text ?? file.data}
        onChange={(value) => {
          onShown();
          setText(value);
        }}
      />
    </SendForm>
  );
}
