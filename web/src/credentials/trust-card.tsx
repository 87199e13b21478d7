import { ShieldAlert, ShieldCheck } from 'lucide-react';
import { readableFingerprint } from '../../../src/protocol/seal-text.ts';
import { Button, ErrorNote, Fold, Skeleton } from '../ui/basics.tsx';
import type { PageKey } from './page-key.ts';
import type { VaultKey } from './use-vault-key.ts';

interface TrustCardProps {
  readonly vault: VaultKey;
  readonly pageKey: PageKey | undefined;
  readonly trusted: boolean;
}

/** Both directions of trust: is this the owner's vault, and may this browser speak for its owner? */
export function TrustCard({ vault, pageKey, trusted }: TrustCardProps) {
  if (vault.state === 'loading') return <Skeleton className="h-16" />;
  if (vault.state === 'failed') return <ErrorNote error={vault.error} />;
  return (
    <section aria-label="Trust" className="card p-4">
      <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
        {vault.state === 'pinned' ? (
          <ShieldCheck size={16} aria-hidden className="shrink-0 text-ok" />
        ) : (
          <ShieldAlert size={16} aria-hidden className="shrink-0 text-warn" />
        )}
        <span className="font-medium">Fingerprint of the vault</span>
        <code className="font-mono text-[13px] wrap-anywhere">{readableFingerprint(vault.identity.fingerprint)}</code>
      </p>
      {vault.state !== 'pinned' && <Compare vault={vault} />}
      {vault.state === 'pinned' && <Signing pageKey={pageKey} trusted={trusted} />}
    </section>
  );
}

function Compare({ vault }: { vault: Extract<VaultKey, { state: 'new' | 'changed' }> }) {
  return (
    <div className="mt-2 text-[13px]">
      {vault.state === 'changed' && (
        <p role="alert" className="mb-2 rounded-lg bg-danger-soft px-3.5 py-2.5 text-danger">
          This is not the vault that this browser knows ({readableFingerprint(vault.pinned)}). If you did not make a new
          vault, somebody stands between: enter nothing here.
        </p>
      )}
      <p className="mb-2 text-muted">
        Values are sealed to this key, so compare it once with what a terminal says:{' '}
        <code className="font-mono text-xs">holdfast credentials fingerprint</code>
      </p>
      <Button look={vault.state === 'new' ? 'primary' : 'danger'} onClick={vault.pin}>
        It is the same
      </Button>
    </div>
  );
}

function Signing({ pageKey, trusted }: { pageKey: PageKey | undefined; trusted: boolean }) {
  if (trusted)
    return <p className="mt-1 text-[13px] text-muted">Changes made in this browser are signed and done at once.</p>;
  return (
    <div className="mt-1 text-[13px] text-muted">
      <p>Changes made in this browser wait until you confirm them in a terminal.</p>
      {pageKey && (
        <Fold summary="Let this browser sign for you">
          <p className="pt-1 pl-5">
            Type this once:{' '}
            <code className="font-mono text-xs text-text wrap-anywhere select-all">
              holdfast owner trust {pageKey.publicKey} --label browser
            </code>
          </p>
        </Fold>
      )}
    </div>
  );
}
