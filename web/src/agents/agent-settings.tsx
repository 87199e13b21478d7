import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { EditAgent } from '../../../src/protocol/agent.ts';
import type { AgentSettings } from '../../../src/protocol/api.ts';
import { useApp } from '../app-context.tsx';
import { FIELD, Labelled } from '../policy/fields.tsx';
import { agentPath, navigate } from '../router.tsx';
import { Button, ErrorNote, type NamedError, toNamedError } from '../ui/basics.tsx';
import { SendForm, TextArea, TextField, words } from '../ui/form.tsx';

const LEVELS = ['', 'off', 'low', 'medium', 'high'] as const;

export function AgentSettingsForm({ agent }: { agent: AgentSettings }) {
  const { api } = useApp();
  const queries = useQueryClient();
  const [title, setTitle] = useState(agent.title);
  const [role, setRole] = useState(agent.role);
  const [description, setDescription] = useState(agent.description);
  const [model, setModel] = useState(agent.model ?? '');
  const [thinking, setThinking] = useState<string>(agent.thinking ?? '');
  const [tools, setTools] = useState(agent.tools.join(', '));
  const [egress, setEgress] = useState((agent.sandbox.egress ?? []).join(', '));
  const [schedule, setSchedule] = useState(agent.schedule ?? '');
  const isOperator = agent.kind === 'operator';
  const send = async () => {
    const places = words(egress);
    const { egress: _before, ...sandbox } = agent.sandbox;
    const change: EditAgent = {
      revision: agent.revision,
      title: title.trim(),
      role: role.trim(),
      description: description.trim(),
      model: model.trim() === '' ? null : model.trim(),
      thinking: LEVELS.find((level) => level !== '' && level === thinking) || null,
      schedule: schedule.trim() === '' ? null : schedule.trim(),
      ...(isOperator
        ? {}
        : { tools: words(tools), sandbox: { ...sandbox, ...(places.length > 0 ? { egress: places } : {}) } }),
    };
    await api.fleet.edit(agent.id, change);
    await queries.invalidateQueries({ queryKey: ['agents'] });
  };
  return (
    <div className="grid gap-8 lg:grid-cols-[minmax(0,1fr)_15rem]">
      <SendForm label="Save" onSend={send}>
        <div className="grid gap-3 sm:grid-cols-2">
          <TextField label="Title" required maxLength={120} value={title} onChange={setTitle} />
          <TextField label="Role" maxLength={64} value={role} onChange={setRole} />
        </div>
        <TextField label="What it is for" maxLength={1000} value={description} onChange={setDescription} />
        <div className="grid gap-3 sm:grid-cols-3">
          <TextField label="Model" placeholder="the deployment’s" value={model} onChange={setModel} />
          <Labelled text="Thinking">
            <select
              aria-label="Thinking"
              className={FIELD}
              value={thinking}
              onChange={(event) => setThinking(event.target.value)}
            >
              {LEVELS.map((level) => (
                <option key={level} value={level}>
                  {level === '' ? 'the deployment’s' : level}
                </option>
              ))}
            </select>
          </Labelled>
          <TextField label="Wakes by itself" placeholder="never" value={schedule} onChange={setSchedule} />
        </div>
        {!isOperator && <TextArea label="Tools" rows={3} value={tools} onChange={setTools} />}
        {!isOperator && (
          <TextField
            label="Its sandbox would like to reach"
            placeholder="nothing"
            value={egress}
            onChange={setEgress}
          />
        )}
        <p className="text-xs text-muted">
          A change counts from its next run on. Its budget is the vault’s: holdfast budget {agent.id}
        </p>
      </SendForm>
      {!isOperator && <Standing agent={agent} />}
    </div>
  );
}

/** What ends, brings back or copies it. */
function Standing({ agent }: { agent: AgentSettings }) {
  const { api } = useApp();
  const queries = useQueryClient();
  const [error, setError] = useState<NamedError>();
  const act = (work: () => Promise<unknown>, to?: string) => () => {
    setError(undefined);
    work()
      .then(() => queries.invalidateQueries({ queryKey: ['agents'] }))
      .then(
        () => to !== undefined && navigate(to),
        (thrown: unknown) => setError(toNamedError(thrown)),
      );
  };
  const copy = () => {
    const id = prompt(`A name for the copy of ${agent.id}`)?.trim();
    if (id) act(() => api.fleet.clone(agent.id, { id }), agentPath(id))();
  };
  const remove = () => {
    if (confirm(`Remove ${agent.id}? Its history stays; undo brings it back for half an hour.`))
      act(() => api.fleet.remove(agent.id), '/agents')();
  };
  const isActive = agent.status === 'active';
  return (
    <aside aria-label="Standing" className="flex flex-col gap-2">
      <Button onClick={copy}>Copy</Button>
      <Button onClick={act(() => api.fleet.setStatus(agent.id, isActive ? 'archive' : 'restore'))}>
        {isActive ? 'Archive' : 'Restore'}
      </Button>
      <Button look="danger" onClick={remove}>
        Remove
      </Button>
      {error && <ErrorNote error={error} />}
      <p className="text-xs text-muted">
        {agent.team === null ? 'In no team.' : `In the team ${agent.team}.`} Archiving ends what it is doing.
      </p>
    </aside>
  );
}
