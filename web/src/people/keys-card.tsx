import { useQuery, useQueryClient } from '@tanstack/react-query';
import { KeyRound } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import type { KeyAction, KeyView } from '../../../src/protocol/people.ts';
import { useApp, useNow } from '../app-context.tsx';
import { formatAge } from '../format.ts';
import { Badge, Button, ErrorNote, type NamedError, Skeleton, toNamedError } from '../ui/basics.tsx';
import { OnceDialog } from './once-dialog.tsx';

const DAY_MS = 86_400_000;
const ACTIONS: readonly { readonly action: KeyAction; readonly text: string }[] = [
  { action: 'read', text: 'see' },
  { action: 'send', text: 'talk to agents' },
  { action: 'manage', text: 'change agents' },
];

/** Keys for programs. One can do no more than whoever makes it, and never approves anything. */
export function KeysCard() {
  const { api } = useApp();
  const queries = useQueryClient();
  const keys = useQuery({ queryKey: ['keys'], queryFn: api.people.keys });
  const [made, setMade] = useState<string>();
  const [error, setError] = useState<NamedError>();
  const attempt = async (action: () => Promise<unknown>) => {
    setError(undefined);
    await action().catch((thrown: unknown) => setError(toNamedError(thrown)));
    await queries.invalidateQueries({ queryKey: ['keys'] });
  };
  return (
    <section aria-label="Keys" className="card p-4">
      <h2 className="font-semibold">Keys for programs</h2>
      <p className="mt-0.5 mb-3 text-[13px] text-muted">
        A key can do no more than you, only what you tick, and never answers a question for you.
      </p>
      <NewKey onMake={(key) => attempt(async () => setMade((await api.people.makeKey(key)).key))} />
      {error && <ErrorNote error={error} />}
      {keys.error && <ErrorNote error={toNamedError(keys.error)} />}
      {keys.isPending && <Skeleton className="h-10" />}
      {keys.data?.length === 0 && <p className="text-[13px] text-muted">No keys yet.</p>}
      <ul className="divide-y divide-line">
        {keys.data?.map((key) => (
          <KeyRow key={key.id} value={key} onRevoke={() => void attempt(() => api.people.revokeKey(key.id))} />
        ))}
      </ul>
      {made !== undefined && (
        <OnceDialog
          title="Your new key"
          text="Send it as the header Authorization: Bearer <key>."
          secret={made}
          onClose={() => setMade(undefined)}
        />
      )}
    </section>
  );
}

interface Wanted {
  readonly name: string;
  readonly actions: readonly KeyAction[];
  readonly agents?: readonly string[];
  readonly lifetimeMs: number;
}

const FIELD = 'h-8 min-w-0 rounded-md border border-line-strong bg-surface px-3 placeholder:text-faint';

function NewKey({ onMake }: { onMake: (key: Wanted) => Promise<void> }) {
  const [name, setName] = useState('');
  const [agents, setAgents] = useState('');
  const [days, setDays] = useState(90);
  const [actions, setActions] = useState<readonly KeyAction[]>(['read', 'send']);
  const toggle = (action: KeyAction) =>
    setActions(actions.includes(action) ? actions.filter((one) => one !== action) : [...actions, action]);
  const make = (event: FormEvent) => {
    event.preventDefault();
    const globs = agents.split(/[\s,]+/).filter(Boolean);
    const key = { name: name.trim(), actions, lifetimeMs: Math.max(1, days) * DAY_MS };
    void onMake(globs.length === 0 ? key : { ...key, agents: globs }).then(() => setName(''));
  };
  return (
    <form className="mb-3 flex flex-wrap items-center gap-2" onSubmit={make}>
      <input
        aria-label="Name of the key"
        placeholder="What is it for?"
        required
        maxLength={128}
        value={name}
        onChange={(event) => setName(event.target.value)}
        className={`${FIELD} flex-1 basis-full sm:max-w-56 sm:basis-40`}
      />
      <input
        aria-label="Agents"
        placeholder="all agents"
        value={agents}
        onChange={(event) => setAgents(event.target.value)}
        className={`${FIELD} w-32`}
      />
      <label className="flex items-center gap-1.5 text-[13px] text-muted">
        days
        <input
          type="number"
          min={1}
          max={1_800}
          value={days}
          onChange={(event) => setDays(event.target.valueAsNumber || 1)}
          className={`${FIELD} w-20`}
        />
      </label>
      {ACTIONS.map(({ action, text }) => (
        <label key={action} className="flex items-center gap-1.5 text-[13px]">
          <input type="checkbox" checked={actions.includes(action)} onChange={() => toggle(action)} /> {text}
        </label>
      ))}
      <Button type="submit" disabled={actions.length === 0}>
        <KeyRound size={14} aria-hidden /> Make key
      </Button>
    </form>
  );
}

function KeyRow({ value, onRevoke }: { value: KeyView; onRevoke: () => void }) {
  const now = useNow(60_000);
  const ends = value.expiresAt === null ? 'no end' : `until ${new Date(value.expiresAt).toLocaleDateString()}`;
  return (
    <li className="flex items-center justify-between gap-3 py-2">
      <span className="min-w-0">
        <span className="flex flex-wrap items-center gap-2 font-medium">
          <span className="truncate">{value.name || 'Without a name'}</span>
          {value.actions === null ? <Badge tone="warn">everything</Badge> : <Badge>{value.actions.join(', ')}</Badge>}
        </span>
        <span className="block text-xs text-muted wrap-anywhere">
          {value.agents === null ? 'all agents' : value.agents.join(', ')} · {ends} ·{' '}
          {value.lastUsedAt === null ? 'never used' : `used ${formatAge(value.lastUsedAt, now)}`}
        </span>
      </span>
      <Button look="danger" aria-label={`Revoke ${value.name || value.id}`} onClick={onRevoke}>
        Revoke
      </Button>
    </li>
  );
}
