import { useQueryClient } from '@tanstack/react-query';
import { ShieldQuestion } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { ApiError } from '../api/client.ts';
import { useApp, useNow } from '../app-context.tsx';
import { formatRemaining } from '../format.ts';
import type { ApprovalState } from '../state/run-model.ts';
import { Badge, Button, ErrorNote, Fold, type NamedError, toNamedError } from '../ui/basics.tsx';
import { type Scope, ScopeChoice } from './scope-choice.tsx';
import { signPlace } from './sign-place.ts';
import { usePendingApprovals } from './use-pending-approvals.ts';

/**
 * A question to the user. Everything on it was rendered by the host from the exact arguments; it is shown as plain
 * text, never as Markdown, so that nothing in an argument can dress itself up.
 */
export function ApprovalCardView({ approval }: { approval: ApprovalState }) {
  const { api } = useApp();
  const queries = useQueryClient();
  const now = useNow(approval.outcome === undefined ? 1_000 : 3_600_000);
  const [sent, setSent] = useState<'allow' | 'deny'>();
  const [scope, setScope] = useState<Scope>();
  const offers = usePendingApprovals().find((one) => one.id === approval.id)?.offers ?? [];
  const [error, setError] = useState<NamedError>();
  const expired = approval.outcome === 'expired' || (approval.outcome === undefined && approval.expiresAt <= now);
  const open = approval.outcome === undefined && !expired;

  const decide = async (decision: 'allow' | 'deny') => {
    setSent(decision);
    setError(undefined);
    try {
      if (decision === 'allow') await signPlace(api, approval.card);
      await api.decide(approval.id, decision, decision === 'allow' ? scope : undefined);
    } catch (thrown) {
      setSent(undefined);
      setError(toNamedError(thrown));
      if (!(thrown instanceof ApiError) || thrown.code !== 'conflict') return;
    }
    await queries.invalidateQueries({ queryKey: ['approvals'] });
    if (scope !== undefined) await queries.invalidateQueries({ queryKey: ['grants'] });
  };

  if (!open) return <Settled approval={approval} expired={expired} error={error} decidedHere={sent !== undefined} />;
  return (
    <section aria-label={`Approval: ${approval.card.title}`} className="card overflow-hidden border-warn shadow-card">
      <div className="flex items-start gap-2.5 px-4 pt-3.5">
        <ShieldQuestion size={17} aria-hidden className="mt-0.5 shrink-0 text-warn" />
        <p className="min-w-0 flex-1 font-medium wrap-anywhere">{approval.card.title}</p>
      </div>
      <div className="px-4 py-3">
        <Facts approval={approval} />
      </div>
      <ScopeChoice offers={offers} scope={scope} onScope={setScope} />
      {error && (
        <div className="px-4 pb-3">
          <ErrorNote error={error} />
        </div>
      )}
      <div className="flex flex-wrap items-center gap-2 border-t border-line bg-bg px-4 py-2.5">
        <Button look="primary" disabled={sent !== undefined} onClick={() => void decide('allow')}>
          Allow
        </Button>
        <Button look="danger" disabled={sent !== undefined} onClick={() => void decide('deny')}>
          Deny
        </Button>
        <span className="ml-auto text-xs text-muted">Expires in {formatRemaining(approval.expiresAt - now)}</span>
      </div>
    </section>
  );
}

function Facts({ approval }: { approval: ApprovalState }) {
  return (
    <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1 text-[13px]">
      {approval.card.facts.map(({ name, value }, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the facts of a card never change
        <div key={index} className="contents">
          <dt className="text-muted">{name}</dt>
          <dd className="font-mono text-xs leading-5 wrap-anywhere whitespace-pre-wrap">{value}</dd>
        </div>
      ))}
      <div className="contents">
        <dt className="text-muted">risk</dt>
        <dd className="wrap-anywhere">{approval.card.risk}</dd>
      </div>
    </dl>
  );
}

/** An answered question is one line that still opens to what was asked. */
function Settled({
  approval,
  expired,
  error,
  decidedHere,
}: {
  approval: ApprovalState;
  expired: boolean;
  error: NamedError | undefined;
  decidedHere: boolean;
}) {
  const box = useRef<HTMLDivElement>(null);
  // The pressed button is gone: a keyboard goes on from here, not from the top of the page.
  useEffect(() => {
    if (decidedHere && document.activeElement === document.body) box.current?.querySelector('summary')?.focus();
  }, [decidedHere]);
  return (
    <div ref={box} className="text-[13px]">
      <Fold
        summary={
          <span className="flex min-w-0 flex-wrap items-center gap-x-2">
            <ShieldQuestion size={14} aria-hidden className="shrink-0" />
            <span className="min-w-0 wrap-anywhere">{approval.card.title}</span>
            <Verdict approval={approval} expired={expired} />
          </span>
        }
      >
        <div className="mt-1 mb-1 ml-5">
          <Facts approval={approval} />
        </div>
      </Fold>
      {error && <ErrorNote error={error} />}
    </div>
  );
}

function Verdict({ approval, expired }: { approval: ApprovalState; expired: boolean }) {
  if (expired) return <Badge>Expired, not allowed</Badge>;
  const who = approval.by === undefined ? '' : ` by ${approval.by}${approval.surface ? ` (${approval.surface})` : ''}`;
  return approval.outcome === 'allowed' ? (
    <Badge tone="ok">Allowed{who}</Badge>
  ) : (
    <Badge tone="danger">Denied{who}</Badge>
  );
}
