import { useQuery, useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import type { AgentView, EventView, StatusView } from '../../src/protocol/api.ts';
import type { Api } from './api/client.ts';
import { type ConnectionState, createEventStream } from './api/stream.ts';
import { type Draft, outputKey, type ToolOutput } from './state/journal.ts';
import { foldRun, type RunModel } from './state/run-model.ts';
import type { JournalStore } from './state/store.ts';

/** What every page may use: the API, the journal as it streams in, and the state of the connection. */
interface AppContextValue {
  readonly api: Api;
  readonly store: JournalStore;
  readonly connection: ConnectionState;
}

const AppContext = createContext<AppContextValue | undefined>(undefined);

export function useApp(): AppContextValue {
  const value = useContext(AppContext);
  if (!value) throw new Error('useApp is used outside AppProvider');
  return value;
}

export function AppProvider({ api, store, children }: { api: Api; store: JournalStore; children: ReactNode }) {
  const [connection, setConnection] = useState<ConnectionState>('connecting');
  const queries = useQueryClient();

  useEffect(() => {
    const startOver = (seq: number) => {
      store.dispatch({ type: 'caught-up', seq });
      void queries.invalidateQueries();
    };
    const stream = createEventStream({
      url: `${location.origin.replace(/^http/, 'ws')}/api/events`,
      WebSocket,
      setTimeout: (run, ms) => window.setTimeout(run, ms),
      clearTimeout: (id) => window.clearTimeout(id),
      cursor: () => store.state().cursor,
      onState: setConnection,
      onFailure: () => void api.session().catch(() => undefined),
      onUnknownCursor: () =>
        void api.status().then(
          ({ lastSeq }) => startOver(lastSeq),
          () => undefined, // tried again with the next connect
        ),
      onMessage: (message) => {
        if (message.type === 'event') {
          store.dispatch({ type: 'stream', event: message.event });
          for (const queryKey of staleAfter(message.event)) void queries.invalidateQueries({ queryKey });
        } else if (message.type === 'caught-up') {
          if (message.seq < store.state().cursor) startOver(message.seq);
          else store.dispatch(message);
        } else if (message.type === 'live') store.dispatch({ type: 'live', live: message.live as never });
      },
    });
    const wake = () => document.visibilityState === 'visible' && stream.wake();
    document.addEventListener('visibilitychange', wake);
    window.addEventListener('online', wake);
    return () => {
      document.removeEventListener('visibilitychange', wake);
      window.removeEventListener('online', wake);
      stream.stop();
    };
  }, [api, store, queries]);

  const value = useMemo(() => ({ api, store, connection }), [api, store, connection]);
  return <AppContext value={value}>{children}</AppContext>;
}

/** Which fetched answers an event makes old. */
function staleAfter({ event, sessionId }: EventView): (readonly unknown[])[] {
  switch (event.type) {
    case 'run.started':
    case 'run.finished':
    case 'run.resumed':
    case 'message.delivered':
      return [['runs'], ['history', ...(sessionId === null ? [] : [sessionId])], ['sessions'], ['agents'], ['status']];
    case 'budget.warned':
      return [['budgets'], ['status']];
    case 'run.waiting':
      return [['runs'], ['agents'], ['status'], ['approvals']];
    case 'input.received':
      return event.source === 'user' ? [['history', ...(sessionId === null ? [] : [sessionId])], ['sessions']] : [];
    case 'approval.requested':
    case 'approval.decided':
      return [['approvals'], ['status']];
    case 'model.finished':
    case 'model.failed':
      return [['budgets'], ['runs']];
    case 'freeze.changed':
      return [['status'], ['history']];
    case 'agent.changed':
      return [['agents'], ['teams']];
    case 'team.changed':
      return [['teams'], ['agents']];
    default:
      return [];
  }
}

export function useStatus(): StatusView | undefined {
  const { api } = useApp();
  return useQuery({ queryKey: ['status'], queryFn: api.status, refetchInterval: 30_000 }).data;
}

/** Who is signed in, and with which role. */
export function useSession() {
  const { api } = useApp();
  return useQuery({ queryKey: ['session'], queryFn: api.session, staleTime: 300_000 }).data;
}

export function useAgents() {
  const { api } = useApp();
  return useQuery({ queryKey: ['agents'], queryFn: api.agents });
}

export const agentTitle = (agents: readonly AgentView[] | undefined, id: string | undefined): string =>
  agents?.find((agent) => agent.id === id)?.title ?? id ?? 'agent';

export interface LiveRun {
  readonly run: RunModel;
  /** False until every event of it has been fetched. */
  readonly complete: boolean;
  readonly error: Error | null;
}

/** A run as it stands and goes on. Fetches its past when the page has not seen all of it. */
export function useRun(runId: string): LiveRun {
  const { api, store } = useApp();
  const log = useSyncExternalStore(store.subscribe, () => store.state().runs.get(runId));
  const complete = log?.complete ?? false;
  const past = useQuery({
    queryKey: ['run-events', runId],
    queryFn: async () => {
      store.dispatch({ type: 'loaded', runId, events: await api.runEvents(runId) });
      return Date.now();
    },
    enabled: !complete,
    staleTime: 0,
    gcTime: 0,
  });
  const run = useMemo(() => foldRun(runId, log?.events ?? []), [runId, log]);
  return { run, complete, error: past.error };
}

export function useDraft(runId: string): Draft | undefined {
  const { store } = useApp();
  return useSyncExternalStore(store.subscribe, () => store.state().drafts.get(runId));
}

export function useLiveOutput(runId: string, callId: string): ToolOutput | undefined {
  const { store } = useApp();
  return useSyncExternalStore(store.subscribe, () => store.state().outputs.get(outputKey(runId, callId)));
}

/** The time, for ages and countdowns; renders again every `everyMs`. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), everyMs);
    return () => window.clearInterval(timer);
  }, [everyMs]);
  return now;
}
