import { useQuery } from '@tanstack/react-query';
import { CircleCheck, TriangleAlert, Wallet } from 'lucide-react';
import type { ReactNode } from 'react';
import type { StatusView } from '../../../src/protocol/api.ts';
import { useApp, useNow } from '../app-context.tsx';
import { formatDuration } from '../format.ts';
import { Badge, Button, ErrorNote, Page, PageTitle, SkeletonRows, toNamedError } from '../ui/basics.tsx';
import { Tokens } from './tokens.tsx';

export function StatusPage() {
  const { api } = useApp();
  const status = useQuery({ queryKey: ['status'], queryFn: api.status, refetchInterval: 30_000 });
  const signOut = async () => {
    await api.logout();
    location.assign('/');
  };
  return (
    <Page>
      <PageTitle title="Status">
        <Button onClick={() => void signOut()}>Sign out</Button>
      </PageTitle>
      {status.isPending && <SkeletonRows />}
      {status.error && <ErrorNote error={toNamedError(status.error)} />}
      {status.data && (
        <div className="flex flex-col gap-4">
          <Health status={status.data} />
          <BudgetNotes warnings={status.data.budgetWarnings ?? []} />
          <div className="grid items-start gap-4 lg:grid-cols-2">
            <HostSection status={status.data} />
            <VaultSection vault={status.data.vault} />
          </div>
          <SandboxSection sandbox={status.data.sandbox} />
          <Tokens />
        </div>
      )}
    </Page>
  );
}

function BudgetNotes({ warnings }: { warnings: readonly string[] }) {
  if (warnings.length === 0) return null;
  return (
    <section aria-label="Budgets" className="rounded-lg bg-hover px-4 py-3">
      <h2 className="flex items-center gap-2.5 font-semibold">
        <Wallet size={17} aria-hidden /> Budgets that are half used up or more
      </h2>
      <ul className="mt-1.5 ml-7 list-disc">
        {warnings.map((warning) => (
          <li key={warning} className="wrap-anywhere">
            {warning}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Health({ status }: { status: StatusView }) {
  if (status.problems.length === 0) {
    return (
      <p className="flex items-center gap-2.5 rounded-lg bg-ok-soft px-4 py-3 text-ok">
        <CircleCheck size={17} aria-hidden /> Everything works.
      </p>
    );
  }
  return (
    <section aria-label="Problems" className="rounded-lg bg-warn-soft px-4 py-3">
      <h2 className="flex items-center gap-2.5 font-semibold text-warn">
        <TriangleAlert size={17} aria-hidden />{' '}
        {status.problems.length === 1 ? 'One problem' : `${status.problems.length} problems`}
      </h2>
      <ul className="mt-1.5 ml-7 list-disc">
        {status.problems.map((problem) => (
          <li key={problem} className="wrap-anywhere">
            {problem}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Section({ title, badge, children }: { title: string; badge?: ReactNode; children: ReactNode }) {
  return (
    <section aria-label={title} className="card p-4">
      <div className="mb-3 flex items-center justify-between gap-3">
        <h2 className="font-semibold">{title}</h2>
        {badge}
      </div>
      {children}
    </section>
  );
}

function Facts({ facts }: { facts: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-5 gap-y-1.5 text-[13px]">
      {facts.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-muted">{name}</dt>
          <dd className="wrap-anywhere">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function HostSection({ status }: { status: StatusView }) {
  const now = useNow(10_000);
  return (
    <Section title="Host" badge={<Badge tone={status.state === 'ok' ? 'ok' : 'warn'}>{status.state}</Badge>}>
      <Facts
        facts={[
          ['Version', status.version],
          ['Running for', formatDuration(Math.max(0, now - status.startedAt))],
          [
            'Home',
            <code key="home" className="font-mono text-xs">
              {status.home}
            </code>,
          ],
          ['Address', status.url],
          ['Model', `${status.model}${status.simulated ? ' (simulator)' : ''}`],
          ['Runs', `${status.runs.active} active, ${status.runs.waiting} waiting`],
          ['Process', String(status.pid)],
        ]}
      />
    </Section>
  );
}

function VaultSection({ vault }: { vault: StatusView['vault'] }) {
  if (!vault) {
    return (
      <Section title="Vault" badge={<Badge tone="danger">not reachable</Badge>}>
        <p className="text-[13px]">
          No model can be called until it answers. In a terminal:{' '}
          <code className="font-mono text-xs">holdfast doctor</code>
        </p>
      </Section>
    );
  }
  return (
    <Section
      title="Vault"
      badge={<Badge tone={vault.locked ? 'warn' : 'ok'}>{vault.locked ? 'locked' : 'unlocked'}</Badge>}
    >
      <Facts
        facts={[
          ['Version', vault.version],
          ['Master key', vault.keySource],
          ['Confined by', vault.confinement.join(', ') || 'nothing beyond its own process'],
          ['Prices', `${vault.priceData.models} models, ${vault.priceData.date} (${vault.priceData.source})`],
          [
            'Providers',
            <ul key="providers" className="flex flex-col gap-1">
              {vault.providers.map((provider) => (
                <li key={provider.id} className="flex flex-wrap items-center gap-2">
                  {provider.id}
                  {provider.simulator && <Badge tone="warn">simulator</Badge>}
                  {provider.needsKey && !provider.hasKey && <Badge tone="danger">no key</Badge>}
                  {provider.hasKey && <Badge tone="ok">key stored</Badge>}
                </li>
              ))}
            </ul>,
          ],
        ]}
      />
    </Section>
  );
}

function SandboxSection({ sandbox }: { sandbox: StatusView['sandbox'] }) {
  if (sandbox.probing)
    return (
      <Section title="Sandbox" badge={<Badge>being tried out</Badge>}>
        <p className="text-[13px] text-muted">Holdfast has just started and is finding out what it can use.</p>
      </Section>
    );
  const limits = Object.entries(sandbox.limits);
  const unsafe = sandbox.launcher === 'unsafe';
  return (
    <Section
      title="Sandbox"
      badge={
        <Badge tone={!sandbox.available || unsafe ? 'danger' : 'ok'}>
          {unsafe ? 'no isolation' : sandbox.available ? sandbox.launcher : 'not available'}
        </Badge>
      }
    >
      {!sandbox.available && (
        <ErrorNote error={{ code: 'sandbox.unavailable', message: sandbox.reason, remedy: sandbox.remedy }} />
      )}
      {sandbox.available && sandbox.reason !== '' && <p className="mb-3 text-[13px] text-muted">{sandbox.reason}</p>}
      {limits.length > 0 && (
        <ul className="mt-3 flex flex-wrap gap-2">
          {limits.map(([name, how]) => (
            <li key={name} className="flex items-center gap-2 rounded-md border border-line px-2.5 py-1 text-[13px]">
              {name}
              <Badge
                tone={how === 'kernel' ? 'ok' : 'warn'}
                title={how === 'kernel' ? 'Held by the kernel' : 'Held by a watchdog: a soft limit'}
              >
                {how === 'kernel' ? 'kernel' : `${how} limit`}
              </Badge>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}
