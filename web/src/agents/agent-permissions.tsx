import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { AgentSettings } from '../../../src/protocol/api.ts';
import type { Permissions } from '../../../src/protocol/permission.ts';
import { useApp } from '../app-context.tsx';
import { SendForm, TextField, words } from '../ui/form.tsx';

type Field = keyof Permissions;

/** The matrix: what is not granted is denied. Fields of other shapes are changed with the command line. */
export function AgentPermissions({ agent }: { agent: AgentSettings }) {
  const { api } = useApp();
  const queries = useQueryClient();
  const [permissions, setPermissions] = useState<Permissions>(agent.permissions);
  const fields = Object.keys(agent.permissions) as Field[];
  const flags = fields.filter((name) => typeof agent.permissions[name] === 'boolean');
  const lists = fields.filter((name) => name !== 'paths' && isNames(agent.permissions[name]));
  const set = (name: Field, value: boolean | string[]) => setPermissions((now) => ({ ...now, [name]: value }));
  const send = async () => {
    await api.fleet.edit(agent.id, { revision: agent.revision, permissions });
    await queries.invalidateQueries({ queryKey: ['agents'] });
  };
  return (
    <SendForm label="Save" onSend={send}>
      <fieldset className="grid gap-x-6 gap-y-1.5 sm:grid-cols-2 lg:grid-cols-3">
        <legend className="mb-2 text-[13px] text-muted">It may</legend>
        {flags.map((name) => (
          <label key={name} className="flex items-center gap-2 text-[13px]">
            <input
              type="checkbox"
              checked={permissions[name] === true}
              onChange={(event) => set(name, event.target.checked)}
            />
            {wordsOf(name)}
          </label>
        ))}
      </fieldset>
      <div className="grid gap-3 sm:grid-cols-2">
        {lists.map((name) => (
          <NamesField
            key={name}
            name={name}
            value={permissions[name] as string[]}
            onChange={(value) => set(name, value)}
          />
        ))}
      </div>
      <p className="text-xs text-muted">
        Names are separated by commas; * stands for anything. Hosts, folders and wallet limits: holdfast agents edit{' '}
        {agent.id} --from FILE
      </p>
    </SendForm>
  );
}

function NamesField({ name, value, onChange }: { name: Field; value: string[]; onChange: (value: string[]) => void }) {
  const [text, setText] = useState(value.join(', '));
  const change = (typed: string) => {
    setText(typed);
    onChange(words(typed));
  };
  return <TextField label={wordsOf(name)} placeholder="none" value={text} onChange={change} />;
}

const isNames = (value: unknown): boolean => Array.isArray(value) && value.every((item) => typeof item === 'string');
const wordsOf = (name: string): string => name.replace(/^can_/, '').replaceAll('_', ' ');
