import { createReadStream, existsSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { extname, join } from 'node:path';
import { WebSocketServer } from 'ws';
import type { JournalEvent, LiveEvent } from '../../src/protocol/event.ts';
import { story } from './story.ts';

/**
 * A stand-in host for work on the page alone: `npm run fixture -w web`. It plays one recorded conversation (`story.ts`)
 * and keeps everything in memory. It is no part of the product and is not built into it.
 */
interface Stored {
  seq: number;
  runId: string | null;
  sessionId: string | null;
  agentId: string | null;
  at: number;
  event: JournalEvent;
}

const DIST = join(import.meta.dirname, '..', 'dist');
const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};
const POLICY = "default-src 'self'; script-src 'self'; style-src 'self'; base-uri 'none'; object-src 'none'";

export function createFixture({ speed = 1 } = {}) {
  const events: Stored[] = [];
  const sockets = new Set<{ send: (text: string) => void }>();
  const messages: Record<string, unknown>[] = [];
  const runs = new Map<string, Record<string, unknown>>();
  const approvals = new Map<
    string,
    { view: Record<string, unknown>; settle: (outcome: 'allowed' | 'denied') => void }
  >();
  const tokens: Record<string, unknown>[] = [];
  const tell = (value: unknown) => {
    for (const socket of sockets) socket.send(JSON.stringify(value));
  };

  const world = {
    wait: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms / speed)),
    journal: (runId: string, event: JournalEvent, sessionId: string | null = 'ses_1') => {
      const stored = { seq: events.length + 1, runId, sessionId, agentId: 'operator', at: Date.now(), event };
      events.push(stored);
      if (event.type === 'run.started') runs.set(runId, newRun(runId, event));
      if (event.type === 'run.finished')
        Object.assign(runs.get(runId) ?? {}, { state: event.state, finishedAt: Date.now(), result: event.result });
      if (event.type === 'model.finished') addCost(runs.get(runId), event.costUsd ?? 0);
      tell({ type: 'event', event: stored });
    },
    live: (live: LiveEvent) => tell({ type: 'live', live }),
    ask: (
      runId: string,
      callId: string,
      card: { title: string; facts: { name: string; value: string }[]; risk: string },
    ) =>
      new Promise<boolean>((resolve) => {
        const id = `apr_${approvals.size + 1}`;
        const expiresAt = Date.now() + 86_400_000;
        const view = {
          id,
          runId,
          agentId: 'operator',
          sessionId: 'ses_1',
          card,
          state: 'pending',
          requestedAt: Date.now(),
          expiresAt,
          decidedBy: null,
          surface: null,
        };
        const settle = (outcome: 'allowed' | 'denied') => {
          Object.assign(view, { state: outcome, decidedBy: 'owner', surface: 'web' });
          world.journal(runId, {
            type: 'approval.decided',
            approvalId: id,
            callId,
            outcome,
            by: 'owner',
            surface: 'web',
          });
          resolve(outcome === 'allowed');
        };
        approvals.set(id, { view, settle });
        world.journal(runId, { type: 'approval.requested', approvalId: id, callId, card, expiresAt });
      }),
    answer: (messageId: string, text: string) => {
      const message = messages.find((entry) => entry.id === messageId);
      Object.assign(message ?? {}, { state: 'answered', answer: text, finishedAt: Date.now() });
    },
  };

  async function api(request: IncomingMessage, url: URL): Promise<unknown> {
    const [, , room, id, part] = url.pathname.split('/');
    const body = request.method === 'POST' ? JSON.parse((await read(request)) || '{}') : undefined;
    if (room === 'session') return { csrf: 'fixture', principal: { id: 'owner', surface: 'web' }, expiresAt: null };
    if (room === 'status') return status(events.length, approvals);
    if (room === 'agents' && part === 'messages') {
      const runId = `run_${messages.length + 1}`;
      const message = {
        id: `msg_${messages.length + 1}`,
        agentId: 'operator',
        sessionId: 'ses_1',
        runId,
        state: 'running',
        text: body.text,
        answer: null,
        error: null,
        receivedAt: Date.now(),
        finishedAt: null,
      };
      messages.push(message);
      void story(world, { runId, messageId: message.id, text: body.text });
      return message;
    }
    if (room === 'agents') return [AGENT];
    if (room === 'worker-templates') return TEMPLATES;
    if (room === 'sessions' && part === 'history') return id === 'ses_1' ? messages : [];
    if (room === 'sessions' && body) return session('ses_2');
    if (room === 'sessions') return messages.length === 0 ? [] : [session('ses_1')];
    if (room === 'runs' && part === 'events')
      return events.filter((event) => event.runId === id && event.seq > Number(url.searchParams.get('after')));
    if (room === 'runs' && id) return runs.get(id);
    if (room === 'runs') {
      const list = [...runs.values()].reverse();
      return url.searchParams.get('active') === 'true' ? list.filter((run) => run.finishedAt === null) : list;
    }
    if (room === 'approvals' && id) {
      approvals.get(id)?.settle(body.decision === 'allow' ? 'allowed' : 'denied');
      return approvals.get(id)?.view;
    }
    if (room === 'approvals')
      return [...approvals.values()].map(({ view }) => view).filter((view) => view.state === 'pending');
    if (room === 'spending') return SPENDING;
    if (room === 'tokens' && body) {
      const token = { id: `tok_${tokens.length + 1}`, note: body.note, createdAt: Date.now(), lastUsedAt: null };
      tokens.push(token);
      return { ...token, token: 'hf_this-is-only-the-fixture' };
    }
    if (room === 'tokens' && id) return tokens.splice(0, 1);
    if (room === 'tokens') return tokens;
    return undefined;
  }

  const server = createServer((request, response) => void handle(request, response));
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://fixture');
    if (url.pathname.startsWith('/api/artifacts/'))
      return void response.end('# Report\n\nTwo folders, **214** files.\n');
    if (url.pathname.startsWith('/api/')) {
      const answer = await api(request, url);
      response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
      return void response.end(JSON.stringify(answer ?? { code: 'not-found', message: 'There is no such thing.' }));
    }
    const file = join(DIST, url.pathname);
    const path = extname(file) !== '' && existsSync(file) ? file : join(DIST, 'index.html');
    response.writeHead(200, {
      'content-type': TYPES[extname(path)] ?? 'text/plain',
      'content-security-policy': POLICY,
    });
    createReadStream(path).pipe(response);
  }

  const socketServer = new WebSocketServer({ server });
  socketServer.on('connection', (socket, request) => {
    const after = Number(new URL(request.url ?? '', 'http://fixture').searchParams.get('after'));
    for (const event of events.slice(after)) socket.send(JSON.stringify({ type: 'event', event }));
    socket.send(JSON.stringify({ type: 'caught-up', seq: events.length }));
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  return server;
}

const AGENT_BUDGET = {
  caps: { dailyUsd: 5, monthlyUsd: 50 },
  spentTodayUsd: 0.42,
  spentThisMonthUsd: 3.91,
  reservedUsd: 0.02,
  callsToday: 37,
};
const BUDGET = { agent: 'operator', ...AGENT_BUDGET };
const USED = { day: 0.42, month: 3.91, total: 12.5, reserved: 0.02 };
const SPENDING = {
  scopes: [
    {
      ...{ kind: 'agent', id: 'operator', team: null },
      dimensions: [{ dimension: 'usd', ...USED, caps: { day: 5, month: 50, total: null } }],
    },
  ],
  limits: [{ kind: 'agent', id: '*', dimension: 'usd', window: 'day', cap: 5 }],
};
const AGENT = {
  ...{
    id: 'operator',
    title: 'Operator',
    kind: 'operator',
    model: 'simulator/tour',
    simulated: true,
    state: 'idle',
    createdAt: 0,
  },
  description: 'Plans, delegates to workers, and reports back. Acts only through them.',
  tools: ['spawn_worker', 'check_worker'],
  budget: BUDGET,
};
const TEMPLATES = [
  {
    id: 'code-worker',
    title: 'Code worker',
    description: 'Reads, writes and runs code in its own sandbox.',
    tools: ['run_command', 'read_file', 'write_file'],
    maxSteps: 20,
    timeoutMs: 600_000,
  },
  {
    id: 'data-analyst',
    title: 'Data analyst',
    description: 'Finds what is in files and says it in numbers.',
    tools: ['run_command', 'read_file'],
    maxSteps: 20,
    timeoutMs: 600_000,
  },
];

const session = (id: string) => ({
  id,
  agentId: 'operator',
  channel: 'web',
  title: id === 'ses_1' ? 'What is in my reports folder?' : '',
  active: id === 'ses_1',
  createdAt: Date.now(),
  lastMessageAt: Date.now(),
});

function newRun(id: string, { kind, template, parentRunId, model }: Extract<JournalEvent, { type: 'run.started' }>) {
  return {
    id,
    kind,
    agentId: 'operator',
    sessionId: parentRunId ? null : 'ses_1',
    parentRunId: parentRunId ?? null,
    template: template ?? null,
    state: 'running',
    waitingFor: null,
    title: template ? 'Read the folder and write a report' : 'What is in my reports folder?',
    model,
    steps: 3,
    toolCalls: 4,
    costUsd: 0,
    result: null,
    error: null,
    createdAt: Date.now(),
    startedAt: Date.now(),
    finishedAt: null,
  };
}

function addCost(run: Record<string, unknown> | undefined, usd: number): void {
  if (run) run.costUsd = Number(run.costUsd) + usd;
}

function status(lastSeq: number, approvals: Map<string, { view: Record<string, unknown> }>) {
  return {
    ...{
      version: '0.1.0',
      pid: 4_711,
      startedAt: Date.now() - 7_400_000,
      home: '~/.holdfast',
      url: 'http://127.0.0.1:7420',
    },
    ...{
      state: 'degraded',
      problems: ['The memory limit is soft here. Delegate cgroups to make it hard: systemctl edit user@.service'],
    },
    ...{ model: 'simulator/tour', simulated: true, runs: { active: 0, waiting: 0 }, agents: 1, lastSeq },
    pendingApprovals: [...approvals.values()].filter(({ view }) => view.state === 'pending').length,
    vault: {
      ...{ version: '0.1.0', pid: 4_710, locked: false, confinement: ['permission-model'], keySource: 'key-file' },
      providers: [
        {
          id: 'simulator',
          wire: 'openai-chat',
          baseUrl: 'http://127.0.0.1:1',
          hasKey: false,
          needsKey: false,
          simulator: true,
        },
      ],
      priceData: { date: '2026-11-01', source: 'models.dev', models: 1_204 },
    },
    sandbox: {
      launcher: 'bubblewrap',
      available: true,
      reason: 'Own namespaces, no network, seccomp.',
      remedy: '',
      limits: { memory: 'soft', processes: 'kernel', files: 'kernel', time: 'kernel' },
    },
  };
}

async function read(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

if (import.meta.main) {
  const port = Number(process.argv[2] ?? 7_421);
  createFixture().listen(port, '127.0.0.1', () => console.log(`The fixture plays at http://127.0.0.1:${port}`));
}
