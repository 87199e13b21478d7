import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Check, Copy, KeyRound } from 'lucide-react';
import { useState } from 'react';
import type { TokenInfo } from '../api/client.ts';
import { useApp, useNow } from '../app-context.tsx';
import { formatAge } from '../format.ts';
import { Button, ErrorNote, type NamedError, Skeleton, toNamedError } from '../ui/basics.tsx';
import { Dialog } from '../ui/dialog.tsx';

/** Bearer tokens for programs. A new one is shown once: only its hash is kept. */
export function Tokens() {
  const { api } = useApp();
  const queries = useQueryClient();
  const tokens = useQuery({ queryKey: ['tokens'], queryFn: api.tokens });
  const [note, setNote] = useState('');
  const [created, setCreated] = useState<string>();
  const [revoking, setRevoking] = useState<TokenInfo>();
  const [error, setError] = useState<NamedError>();

  const attempt = async (action: () => Promise<unknown>) => {
    setError(undefined);
    try {
      await action();
    } catch (thrown) {
      setError(toNamedError(thrown));
    }
    await queries.invalidateQueries({ queryKey: ['tokens'] });
  };
  const create = () =>
    attempt(async () => {
      const { token } = await api.createToken(note.trim());
      setNote('');
      setCreated(token);
    });

  return (
    <section aria-label="API tokens" className="card p-4">
      <h2 className="font-semibold">API tokens</h2>
      <p className="mt-0.5 mb-3 text-[13px] text-muted">
        For programs that use the HTTP API. A token can do what you can do.
      </p>
      <form
        className="mb-3 flex flex-wrap gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          void create();
        }}
      >
        <input
          aria-label="What the token is for"
          placeholder="What is it for?"
          maxLength={200}
          value={note}
          onChange={(event) => setNote(event.target.value)}
          className="h-8 min-w-0 flex-1 rounded-md border border-line-strong bg-surface px-3 placeholder:text-faint sm:max-w-72"
        />
        <Button type="submit">
          <KeyRound size={14} aria-hidden /> Create token
        </Button>
      </form>
      {error && <ErrorNote error={error} />}
      {tokens.error && <ErrorNote error={toNamedError(tokens.error)} />}
      {tokens.isPending && <Skeleton className="h-10" />}
      {tokens.data?.length === 0 && <p className="text-[13px] text-muted">No tokens yet.</p>}
      <ul className="divide-y divide-line">
        {tokens.data?.map((token) => (
          <TokenRow key={token.id} token={token} onRevoke={() => setRevoking(token)} />
        ))}
      </ul>
      {created !== undefined && <NewTokenDialog token={created} onClose={() => setCreated(undefined)} />}
      {revoking && (
        <Dialog title="Revoke this token?" onClose={() => setRevoking(undefined)}>
          <p className="mb-4">
            Programs that use <strong>{revoking.note || revoking.id}</strong> are refused from now on. This cannot be
            undone.
          </p>
          <div className="flex justify-end gap-2">
            <Button onClick={() => setRevoking(undefined)}>Keep</Button>
            <Button
              look="danger"
              onClick={() => {
                setRevoking(undefined);
                void attempt(() => api.revokeToken(revoking.id));
              }}
            >
              Revoke
            </Button>
          </div>
        </Dialog>
      )}
    </section>
  );
}

function TokenRow({ token, onRevoke }: { token: TokenInfo; onRevoke: () => void }) {
  const now = useNow(60_000);
  return (
    <li className="flex items-center justify-between gap-3 py-2">
      <span className="min-w-0">
        <span className="block truncate font-medium">{token.note || 'Without a note'}</span>
        <span className="block text-xs text-muted">
          made {formatAge(token.createdAt, now)},{' '}
          {token.lastUsedAt === null ? 'never used' : `used ${formatAge(token.lastUsedAt, now)}`}
        </span>
      </span>
      <Button look="danger" aria-label={`Revoke ${token.note || token.id}`} onClick={onRevoke}>
        Revoke
      </Button>
    </li>
  );
}

function NewTokenDialog({ token, onClose }: { token: string; onClose: () => void }) {
  const [copied, setCopied] = useState(false);
  const copy = () =>
    navigator.clipboard.writeText(token).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  return (
    <Dialog title="Your new token" onClose={onClose}>
      <p className="mb-3 text-muted">Copy it now: it is shown this one time and cannot be shown again.</p>
      <code className="block rounded-md border border-line bg-raised px-3 py-2.5 font-mono text-[13px] wrap-anywhere select-all">
        {token}
      </code>
      <div className="mt-4 flex justify-end gap-2">
        <Button onClick={() => void copy()}>
          {copied ? <Check size={14} aria-hidden /> : <Copy size={14} aria-hidden />} {copied ? 'Copied' : 'Copy'}
        </Button>
        <Button look="primary" onClick={onClose}>
          Done
        </Button>
      </div>
    </Dialog>
  );
}
