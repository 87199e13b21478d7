import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Handshake, ShieldOff } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import type { FlowException } from '../../../src/protocol/flow.ts';
import type { GrantView } from '../../../src/protocol/grant.ts';
import { useApp } from '../app-context.tsx';
import { Button, Empty, ErrorNote, type NamedError, Page, SkeletonRows, toNamedError } from '../ui/basics.tsx';

/** What the user allowed beforehand: standing grants, and exceptions from the rules of labels. Both can be taken back. */
export function ConsentPage() {
  const { api } = useApp();
  const grants = useQuery({ queryKey: ['grants'], queryFn: api.grants });
  const exceptions = useQuery({ queryKey: ['exceptions'], queryFn: api.exceptions });
  return (
    <Page>
      <h1 className="text-xl font-semibold">Allowed beforehand</h1>
      <p className="mt-1 text-muted">
        What agents may do without asking you, because you said so on a card. Take back what you no longer want.
      </p>
      <Section title="Standing grants">
        {grants.isPending && <SkeletonRows rows={2} />}
        {grants.error && <ErrorNote error={toNamedError(grants.error)} />}
        {grants.data?.length === 0 && (
          <Empty icon={Handshake} title="Nothing is allowed beforehand">
            Choose more than “just this once” on a card, and it is listed here.
          </Empty>
        )}
        {grants.data?.map((grant) => (
          <Row key={grant.id} take="Revoke" listKey="grants" onTake={() => api.revokeGrant(grant.id)}>
            <p className="font-medium wrap-anywhere">{grant.words}</p>
            <p className="text-[13px] text-muted wrap-anywhere">{describeGrant(grant)}</p>
          </Row>
        ))}
      </Section>
      <Section title="Exceptions from the rules of labels">
        {exceptions.isPending && <SkeletonRows rows={1} />}
        {exceptions.error && <ErrorNote error={toNamedError(exceptions.error)} />}
        {exceptions.data?.length === 0 && (
          <Empty icon={ShieldOff} title="Every rule holds">
            Exceptions are made in the terminal: <code className="font-mono text-xs">holdfast policy except add</code>
          </Empty>
        )}
        {exceptions.data?.map((exception) => (
          <Row key={exception.id} take="End" listKey="exceptions" onTake={() => api.endException(exception.id)}>
            <p className="font-medium wrap-anywhere">
              Text from {exception.origin} may lead {exception.subject === '*' ? 'any agent' : exception.subject} to{' '}
              {exception.sink}
            </p>
            <p className="text-[13px] text-muted wrap-anywhere">{describeException(exception)}</p>
          </Row>
        ))}
      </Section>
    </Page>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section aria-label={title} className="mt-7">
      <h2 className="mb-2.5 font-medium">{title}</h2>
      <div className="flex flex-col gap-2.5">{children}</div>
    </section>
  );
}

function Row({
  take,
  listKey,
  onTake,
  children,
}: {
  take: string;
  listKey: string;
  onTake: () => Promise<unknown>;
  children: ReactNode;
}) {
  const queries = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<NamedError>();
  const act = async () => {
    setBusy(true);
    setError(undefined);
    try {
      await onTake();
    } catch (thrown) {
      setError(toNamedError(thrown));
    }
    setBusy(false);
    await queries.invalidateQueries({ queryKey: [listKey] });
  };
  return (
    <div className="card flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3">
      <div className="min-w-0 flex-1 basis-64">{children}</div>
      <Button look="danger" disabled={busy} onClick={() => void act()}>
        {take}
      </Button>
      {error && <ErrorNote error={error} />}
    </div>
  );
}

const day = (at: number): string => new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });

function describeGrant(grant: GrantView): string {
  const who = grant.template === null ? grant.agentId : `workers of ${grant.agentId} (${grant.template})`;
  const end =
    grant.term === 'task' ? 'for one task' : grant.expiresAt === null ? 'always' : `until ${day(grant.expiresAt)}`;
  return `${who}, with ${grant.tool}, ${end}. By ${grant.createdBy}, ${day(grant.createdAt)}.`;
}

function describeException(exception: FlowException): string {
  const note = exception.note === '' ? '' : `${exception.note}. `;
  return `${note}Until ${day(exception.expiresAt)}. By ${exception.createdBy}.`;
}
