import { useQuery, useQueryClient } from '@tanstack/react-query';
import { KeyRound, Plus } from 'lucide-react';
import { useState } from 'react';
import type { CredentialList, CredentialView } from '../../../src/protocol/credential.ts';
import { useApp, useNow } from '../app-context.tsx';
import { formatAge } from '../format.ts';
import {
  Badge,
  Button,
  Empty,
  ErrorNote,
  type NamedError,
  Page,
  PageTitle,
  SkeletonRows,
  toNamedError,
} from '../ui/basics.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { AddDialog } from './add-dialog.tsx';
import { loadPageKey } from './page-key.ts';
import { RotateDialog } from './rotate-dialog.tsx';
import { makeEnvelope, type PageChange } from './submit-change.ts';
import { TrustCard } from './trust-card.tsx';
import { useVaultKey } from './use-vault-key.ts';

type Open = { kind: 'add' } | { kind: 'rotate' | 'remove'; credential: CredentialView };

/** Names of credentials and who may use them. Values go from here to the vault sealed, and never come back. */
export function CredentialsPage() {
  const { api } = useApp();
  const queries = useQueryClient();
  const list = useQuery({ queryKey: ['credentials'], queryFn: api.credentials, refetchInterval: 15_000 });
  const keys = useQuery({ queryKey: ['owner-keys'], queryFn: api.ownerKeys, refetchInterval: 15_000 });
  const held = useQuery({ queryKey: ['held-changes'], queryFn: api.heldChanges, refetchInterval: 15_000 });
  const pageKey = useQuery({ queryKey: ['page-key'], queryFn: loadPageKey, staleTime: Number.POSITIVE_INFINITY });
  const vault = useVaultKey();
  const [open, setOpen] = useState<Open>();
  const [waiting, setWaiting] = useState<string>();
  const [error, setError] = useState<NamedError>();
  const trusted = keys.data?.some(({ id }) => id === pageKey.data?.id) ?? false;
  const problem = error ?? (list.error ? toNamedError(list.error) : undefined);

  const submit = async (change: PageChange): Promise<void> => {
    setError(undefined);
    setWaiting(undefined);
    if (vault.state !== 'pinned') throw new Error('Compare the fingerprint of the vault first.');
    const envelope = await makeEnvelope(change, { identity: vault.identity, key: pageKey.data, trusted });
    const result = await api.submitChange(envelope);
    if (result.state === 'held') setWaiting(result.unlock);
    await Promise.all([['credentials'], ['held-changes']].map((queryKey) => queries.invalidateQueries({ queryKey })));
    setOpen(undefined);
  };
  const attempt = (change: PageChange) =>
    void submit(change).catch((thrown: unknown) => setError(toNamedError(thrown)));

  return (
    <Page>
      <PageTitle title="Credentials">
        <Button look="primary" disabled={vault.state !== 'pinned'} onClick={() => setOpen({ kind: 'add' })}>
          <Plus size={14} aria-hidden /> Add credential
        </Button>
      </PageTitle>
      <div className="flex flex-col gap-3">
        <TrustCard vault={vault} pageKey={pageKey.data} trusted={trusted} />
        {problem && <ErrorNote error={problem} />}
        {waiting !== undefined && (
          <p role="status" className="rounded-lg bg-warn-soft px-3.5 py-2.5 text-warn">
            This waits for your word. In a terminal: <code className="font-mono text-xs wrap-anywhere">{waiting}</code>
          </p>
        )}
        {(held.data?.length ?? 0) > 0 && <HeldList held={held.data ?? []} />}
        {list.isPending && <SkeletonRows rows={3} />}
        {list.data?.credentials.length === 0 && (
          <Empty icon={KeyRound} title="No credentials yet">
            An agent uses a credential by its name and never sees its value.
          </Empty>
        )}
        {list.data && list.data.credentials.length > 0 && (
          <CredentialRows list={list.data} disabled={vault.state !== 'pinned'} onOpen={setOpen} />
        )}
        {list.data && <Grants list={list.data} disabled={vault.state !== 'pinned'} onChange={attempt} />}
      </div>
      {open?.kind === 'add' && <AddDialog onClose={() => setOpen(undefined)} onSubmit={submit} />}
      {open?.kind === 'rotate' && (
        <RotateDialog credential={open.credential} onClose={() => setOpen(undefined)} onSubmit={submit} />
      )}
      {open?.kind === 'remove' && (
        <Dialog title={`Remove ${open.credential.name}?`} onClose={() => setOpen(undefined)}>
          <p className="mb-4">Its value is destroyed. This cannot be undone.</p>
          <div className="flex justify-end gap-2">
            <Button onClick={() => setOpen(undefined)}>Keep</Button>
            <Button
              look="danger"
              onClick={() => {
                setOpen(undefined);
                attempt({ kind: 'credential.remove', name: open.credential.name });
              }}
            >
              Remove
            </Button>
          </div>
        </Dialog>
      )}
    </Page>
  );
}

function HeldList({ held }: { held: readonly { id: string; text: string }[] }) {
  return (
    <section aria-label="Changes that wait for you" className="card p-4">
      <h2 className="font-semibold">Waiting for your word</h2>
      <ul className="mt-2 flex flex-col gap-2">
        {held.map(({ id, text }) => (
          <li key={id} className="text-[13px]">
            <span className="block wrap-anywhere">{text}</span>
            <code className="font-mono text-xs text-muted wrap-anywhere">holdfast owner confirm {id}</code>
          </li>
        ))}
      </ul>
    </section>
  );
}

function CredentialRows({
  list,
  disabled,
  onOpen,
}: {
  list: CredentialList;
  disabled: boolean;
  onOpen: (open: Open) => void;
}) {
  const now = useNow(60_000);
  return (
    <ul className="card divide-y divide-line">
      {list.credentials.map((credential) => (
        <li key={credential.name} className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 px-4 py-3">
          <span className="min-w-0">
            <span className="flex flex-wrap items-center gap-2">
              <code className="font-mono text-[13px] font-medium wrap-anywhere">{credential.name}</code>
              <Badge>{credential.kind}</Badge>
            </span>
            <span className="block text-xs text-muted wrap-anywhere">
              {credential.agents.length === 0 ? 'nobody may use it' : credential.agents.join(', ')} ·{' '}
              {credential.places.length === 0 ? 'only through services' : credential.places.join(', ')} · changed{' '}
              {formatAge(credential.changedAt, now)} ·{' '}
              {credential.lastUsedAt === null ? 'never used' : `used ${formatAge(credential.lastUsedAt, now)}`}
              {credential.note === '' ? '' : ` · ${credential.note}`}
            </span>
          </span>
          <span className="flex gap-2">
            <Button
              disabled={disabled}
              aria-label={`Rotate ${credential.name}`}
              onClick={() => onOpen({ kind: 'rotate', credential })}
            >
              Rotate
            </Button>
            <Button
              look="danger"
              disabled={disabled}
              aria-label={`Remove ${credential.name}`}
              onClick={() => onOpen({ kind: 'remove', credential })}
            >
              Remove
            </Button>
          </span>
        </li>
      ))}
    </ul>
  );
}

function Grants({
  list,
  disabled,
  onChange,
}: {
  list: CredentialList;
  disabled: boolean;
  onChange: (change: PageChange) => void;
}) {
  const [agent, setAgent] = useState('');
  const [glob, setGlob] = useState('');
  const field =
    'h-8 min-w-0 flex-1 rounded-md border border-line-strong bg-surface px-3 placeholder:text-faint sm:max-w-56';
  return (
    <section aria-label="Grants" className="card p-4">
      <h2 className="font-semibold">Who may use what</h2>
      <p className="mt-0.5 mb-3 text-[13px] text-muted">
        A pattern such as <code className="font-mono text-xs">brave_*</code> covers every name that fits.
      </p>
      <form
        className="mb-3 flex flex-wrap gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          onChange({ kind: 'grant.add', agent: agent.trim(), glob: glob.trim() });
          setGlob('');
        }}
      >
        <input
          aria-label="Agent"
          placeholder="agent"
          required
          value={agent}
          onChange={(event) => setAgent(event.target.value)}
          className={field}
        />
        <input
          aria-label="Names"
          placeholder="name or pattern"
          required
          value={glob}
          onChange={(event) => setGlob(event.target.value)}
          className={field}
        />
        <Button type="submit" disabled={disabled}>
          Grant
        </Button>
      </form>
      <ul className="divide-y divide-line">
        {list.grants.map((grant) => (
          <li key={`${grant.agent} ${grant.glob}`} className="flex items-center justify-between gap-3 py-2">
            <span className="min-w-0 wrap-anywhere">
              {grant.agent} may use <code className="font-mono text-[13px]">{grant.glob}</code>
            </span>
            <Button
              look="danger"
              aria-label={`Revoke ${grant.glob} from ${grant.agent}`}
              onClick={() => onChange({ kind: 'grant.remove', agent: grant.agent, glob: grant.glob })}
            >
              Revoke
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}
