import { ShieldCheck } from 'lucide-react';
import { useEffect, useState } from 'react';
import type { ApprovalView } from '../../../src/protocol/api.ts';
import { Link } from '../router.tsx';
import { Empty, IconButton } from '../ui/basics.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { ApprovalCardView } from './approval-card.tsx';
import { usePendingApprovals } from './use-pending-approvals.ts';

/** How many decisions wait for the user, on every page; opens the cards. */
export function ApprovalsButton() {
  const [open, setOpen] = useState(false);
  const pending = usePendingApprovals();
  const count = pending.length;
  const label = count === 0 ? 'No approvals' : count === 1 ? '1 approval' : `${count} approvals`;
  return (
    <>
      {count > 0 ? (
        <button
          type="button"
          onClick={() => setOpen(true)}
          className="inline-flex h-8 items-center gap-1.5 rounded-full bg-warn-soft px-3 text-[13px] font-medium whitespace-nowrap text-warn hover:brightness-95"
        >
          <ShieldCheck size={15} aria-hidden /> {label}
        </button>
      ) : (
        <IconButton icon={ShieldCheck} label={label} onClick={() => setOpen(true)} />
      )}
      <Announce text={count === 0 ? '' : `${label} needed: ${pending[0]?.card.title ?? ''}`} />
      {open && (
        <Dialog title="Approvals" onClose={() => setOpen(false)}>
          {count === 0 && (
            <Empty icon={ShieldCheck} title="Nothing waits for you">
              When an agent needs your word, its question appears here and in its chat.
            </Empty>
          )}
          <div className="flex flex-col gap-3">
            {pending.map((approval) => (
              <ApprovalCardView key={approval.id} approval={toState(approval)} />
            ))}
          </div>
          <Link
            href="/consent"
            onClick={() => setOpen(false)}
            className="mt-4 inline-block text-[13px] text-accent underline underline-offset-2"
          >
            What you allowed beforehand
          </Link>
        </Dialog>
      )}
    </>
  );
}

function Announce({ text }: { text: string }) {
  const [words, setWords] = useState('');
  useEffect(() => setWords(text), [text]);
  return (
    <span role="status" aria-live="polite" className="sr-only">
      {words}
    </span>
  );
}

function toState({ id, card, requestedAt, expiresAt, state, decidedBy, surface }: ApprovalView) {
  return {
    id,
    card,
    requestedAt,
    expiresAt,
    outcome: state === 'pending' ? undefined : state,
    by: decidedBy ?? undefined,
    surface: surface ?? undefined,
  };
}
