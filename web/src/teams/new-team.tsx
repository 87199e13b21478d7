import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { TeamProposal } from '../../../src/protocol/team.ts';
import { useApp } from '../app-context.tsx';
import { formatMoney } from '../format.ts';
import { FIELD, Labelled } from '../policy/fields.tsx';
import { Button, Output } from '../ui/basics.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { SendForm, TextArea, TextField } from '../ui/form.tsx';

/** First what would be made, whole; only then is anything made. */
export function NewTeam({ onClose }: { onClose: () => void }) {
  const [proposal, setProposal] = useState<TeamProposal>();
  return (
    <Dialog title={proposal === undefined ? 'New team' : 'This would be made'} onClose={onClose} wide>
      {proposal === undefined ? (
        <Wish onProposal={setProposal} />
      ) : (
        <Preview proposal={proposal} onBack={() => setProposal(undefined)} onClose={onClose} />
      )}
    </Dialog>
  );
}

function Wish({ onProposal }: { onProposal: (proposal: TeamProposal) => void }) {
  const { api } = useApp();
  const templates = useQuery({ queryKey: ['team-templates'], queryFn: api.fleet.teamTemplates });
  const [id, setId] = useState('');
  const [template, setTemplate] = useState('');
  const [description, setDescription] = useState('');
  const send = async () => {
    const wish = template === '' ? { description: description.trim() } : { template };
    onProposal(await api.fleet.preview({ id: id.trim(), ...wish }));
  };
  const chosen = templates.data?.find((one) => one.id === template);
  return (
    <SendForm label="Show me" onSend={send}>
      <TextField
        label="Name"
        required
        pattern="[a-z][a-z0-9_\-]*"
        maxLength={30}
        placeholder="sales"
        value={id}
        onChange={setId}
      />
      <Labelled text="Kind">
        <select
          aria-label="Kind"
          className={FIELD}
          value={template}
          onChange={(event) => setTemplate(event.target.value)}
        >
          <option value="">in my own words</option>
          {templates.data?.map((one) => (
            <option key={one.id} value={one.id}>
              {one.title}
            </option>
          ))}
        </select>
      </Labelled>
      {chosen && <p className="text-[13px] text-muted">{`${chosen.description} (${chosen.roles.join(', ')})`}</p>}
      {template === '' && (
        <TextArea label="What the team is for" rows={5} value={description} onChange={setDescription} />
      )}
    </SendForm>
  );
}

function Preview({ proposal, onBack, onClose }: { proposal: TeamProposal; onBack: () => void; onClose: () => void }) {
  const { api } = useApp();
  const queries = useQueryClient();
  const send = async () => {
    await api.fleet.createTeam(proposal);
    await Promise.all([
      queries.invalidateQueries({ queryKey: ['teams'] }),
      queries.invalidateQueries({ queryKey: ['agents'] }),
    ]);
    onClose();
  };
  return (
    <SendForm label="Make this team" onSend={send}>
      <p className="text-[13px] text-muted">{proposal.description}</p>
      <ul className="card divide-y divide-line">
        {proposal.agents.map((agent) => (
          <li key={agent.id} className="flex flex-col gap-0.5 px-4 py-2.5 text-[13px]">
            <p className="flex flex-wrap gap-x-2 font-medium">
              {agent.id}
              <span className="font-normal text-muted">{agent.role}</span>
              {proposal.lead === agent.id && <span className="font-normal text-accent">leads</span>}
            </p>
            <p className="font-mono text-xs wrap-anywhere text-muted">{agent.tools.join(', ') || 'no tools'}</p>
            <p className="text-xs text-muted">{grantsOf(agent)}</p>
          </li>
        ))}
      </ul>
      <Output label="TEAM.md" text={proposal.team_md || '(empty)'} />
      {proposal.notes.map((note) => (
        <p key={note} className="text-xs text-warn">
          {note}
        </p>
      ))}
      <div>
        <Button onClick={onBack}>Back</Button>
      </div>
    </SendForm>
  );
}

function grantsOf(agent: TeamProposal['agents'][number]): string {
  const given = Object.entries(agent.permissions).map(([name, value]) =>
    value === true ? name : `${name} ${Array.isArray(value) ? value.join(', ') : String(value)}`,
  );
  const wakes = agent.schedule === null ? [] : [`wakes ${agent.schedule}`];
  return [...given, ...wakes, `${formatMoney(agent.daily_usd)} a day proposed`].join('; ');
}
