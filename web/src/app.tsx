import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { Compass } from 'lucide-react';
import { lazy, Suspense, useEffect, useMemo, useState } from 'react';
import { type Api, ApiError, createApi } from './api/client.ts';
import { AppProvider } from './app-context.tsx';
import { ChatPage } from './chat/chat-page.tsx';
import { Link, parseRoute, type Route, usePath } from './router.tsx';
import { Shell } from './shell/shell.tsx';
import { SignedOut, Unreachable } from './shell/signed-out.tsx';
import { createJournalStore, type JournalStore } from './state/store.ts';
import { Empty, type NamedError, Page, SkeletonRows, toNamedError } from './ui/basics.tsx';

const AgentsPage = lazy(() => import('./agents/agents-page.tsx').then((module) => ({ default: module.AgentsPage })));
const AgentPage = lazy(() => import('./agents/agent-page.tsx').then((module) => ({ default: module.AgentPage })));
const TeamsPage = lazy(() => import('./teams/teams-page.tsx').then((module) => ({ default: module.TeamsPage })));
const RunsPage = lazy(() => import('./runs/runs-page.tsx').then((module) => ({ default: module.RunsPage })));
const RunPage = lazy(() => import('./runs/run-page.tsx').then((module) => ({ default: module.RunPage })));
const WorkPage = lazy(() => import('./mesh/work-page.tsx').then((module) => ({ default: module.WorkPage })));
const BudgetPage = lazy(() => import('./budget/budget-page.tsx').then((module) => ({ default: module.BudgetPage })));
const CredentialsPage = lazy(() =>
  import('./credentials/credentials-page.tsx').then((module) => ({ default: module.CredentialsPage })),
);
const ConsentPage = lazy(() =>
  import('./consent/consent-page.tsx').then((module) => ({ default: module.ConsentPage })),
);
const PolicyPage = lazy(() => import('./policy/policy-page.tsx').then((module) => ({ default: module.PolicyPage })));
const PeoplePage = lazy(() => import('./people/people-page.tsx').then((module) => ({ default: module.PeoplePage })));
const AuditPage = lazy(() => import('./people/audit-page.tsx').then((module) => ({ default: module.AuditPage })));
const StatusPage = lazy(() => import('./status/status-page.tsx').then((module) => ({ default: module.StatusPage })));

type Phase =
  | { kind: 'starting' }
  | { kind: 'ready'; store: JournalStore }
  | { kind: 'signed-out' }
  | { kind: 'unreachable'; error: NamedError };

const RETRY_MS = 3_000;

export function App() {
  const [phase, setPhase] = useState<Phase>({ kind: 'starting' });
  const api = useMemo(
    () => createApi({ fetch: (...args) => fetch(...args), onSignedOut: () => setPhase({ kind: 'signed-out' }) }),
    [],
  );
  const queries = useMemo(createQueryClient, []);
  const settled = phase.kind === 'ready' || phase.kind === 'signed-out';
  useEffect(() => {
    if (settled) return;
    let stopped = false;
    let timer = 0;
    const attempt = () =>
      start(api, queries).then(
        (store) => !stopped && setPhase({ kind: 'ready', store }),
        (error: unknown) => {
          if (stopped || (error instanceof ApiError && error.status === 401)) return;
          setPhase({ kind: 'unreachable', error: toNamedError(error) });
          timer = window.setTimeout(attempt, RETRY_MS);
        },
      );
    void attempt();
    return () => {
      stopped = true;
      window.clearTimeout(timer);
    };
  }, [api, queries, settled]);

  if (phase.kind === 'signed-out') return <SignedOut />;
  if (phase.kind === 'unreachable') return <Unreachable error={phase.error} />;
  if (phase.kind === 'starting') return null;
  return (
    <QueryClientProvider client={queries}>
      <AppProvider api={api} store={phase.store}>
        <Pages />
      </AppProvider>
    </QueryClientProvider>
  );
}

/** The stream starts where the journal stands now; whatever a page needs from before it fetches. */
async function start(api: Api, queries: QueryClient): Promise<JournalStore> {
  queries.setQueryData(['session'], await api.session());
  const status = await api.status();
  queries.setQueryData(['status'], status);
  return createJournalStore(status.lastSeq, (run) => void requestAnimationFrame(run));
}

function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 10_000,
        retry: (count, error) => count < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
      },
    },
  });
}

function Pages() {
  const route = parseRoute(usePath());
  return (
    <Shell route={route}>
      <Suspense
        fallback={
          <Page>
            <SkeletonRows />
          </Page>
        }
      >
        <RoutePage route={route} />
      </Suspense>
    </Shell>
  );
}

function RoutePage({ route }: { route: Route }) {
  switch (route.page) {
    case 'chat':
      return <ChatPage key={route.agentId} agentId={route.agentId} sessionId={route.sessionId} />;
    case 'agents':
      return <AgentsPage />;
    case 'agent':
      return <AgentPage key={route.agentId} agentId={route.agentId} />;
    case 'teams':
      return <TeamsPage />;
    case 'runs':
      return <RunsPage />;
    case 'run':
      return <RunPage key={route.runId} runId={route.runId} />;
    case 'work':
      return <WorkPage />;
    case 'budget':
      return <BudgetPage />;
    case 'credentials':
      return <CredentialsPage />;
    case 'consent':
      return <ConsentPage />;
    case 'policy':
      return <PolicyPage />;
    case 'people':
      return <PeoplePage />;
    case 'audit':
      return <AuditPage />;
    case 'status':
      return <StatusPage />;
    case 'unknown':
      return (
        <Page>
          <h1 className="sr-only">Page not found</h1>
          <Empty icon={Compass} title="There is no such page">
            <Link href="/" className="text-accent underline underline-offset-2">
              Go to the chat
            </Link>
          </Empty>
        </Page>
      );
  }
}
