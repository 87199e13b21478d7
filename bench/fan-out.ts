import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { type WebSocket, WebSocketServer } from 'ws';
import { silentLogger } from '../src/base/logger.ts';
import { EventHub } from '../src/host/api/events/hub.ts';
import { createUpgrade } from '../src/host/api/events/upgrade.ts';
import { DEFAULT_LIMITS } from '../src/host/api/limits.ts';
import type { StreamListener } from '../src/host/control.ts';
import type { EventView, StatusView } from '../src/protocol/api.ts';
import { OWNER_LABEL } from '../src/protocol/label.ts';
import { type BenchOptions, type BenchTable, environment, goalRow, median, paired, ratios } from './table.ts';

/** Goal P12: the CPU of the gateway for a burst of events to many streams, against a loop over `ws.send`. */
const STREAMS = 100;
const BURST = 10;
/** Longer than the gateway gathers, so that nothing is coalesced beyond one burst. */
const BETWEEN_BURSTS_MS = 15;

let seq = 0;
function nextEvent(): EventView {
  seq += 1;
  const event = { type: 'input.received', source: 'host', text: 'x'.repeat(100), label: OWNER_LABEL } as const;
  return { seq, runId: 'run_1', sessionId: 'ses_1', agentId: 'operator', at: 1_700_000_000_000, event };
}

interface Subject extends AsyncDisposable {
  readonly port: number;
  emit(event: EventView): void;
}

async function prepareHub(): Promise<Subject> {
  const listeners = new Set<StreamListener>();
  const control = {
    events: async () => [],
    status: async (): Promise<StatusView> => {
      throw new Error('not asked for');
    },
    subscribe: (listener: StreamListener) => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
  };
  const hub = new EventHub({ control, clock: { now: Date.now }, log: silentLogger, limits: DEFAULT_LIMITS });
  const emit = (event: EventView): void => {
    for (const listener of listeners) listener.event(event);
  };
  emit(nextEvent());
  const caller = {
    principal: { id: 'owner', surface: 'token' },
    person: 'owner',
    role: 'owner' as const,
    key: undefined,
    subject: undefined,
    cookie: undefined,
    expiresAt: undefined,
  };
  const guard = { checkAddress: () => {}, authenticate: async () => caller };
  const upgrade = createUpgrade(
    { guard, authorize: async () => undefined, hub, limits: DEFAULT_LIMITS, log: silentLogger },
    'tcp',
  );
  const server = createServer().on('upgrade', upgrade).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: portOf(server.address()),
    emit,
    [Symbol.asyncDispose]: async () => {
      hub[Symbol.dispose]();
      upgrade[Symbol.dispose]();
      server.close();
      server.closeAllConnections();
    },
  };
}

async function prepareLoop(): Promise<Subject> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  await once(server, 'listening');
  server.on('connection', (socket: WebSocket) => socket.send('{}'));
  return {
    port: portOf(server.address()),
    emit: (event) => {
      const text = JSON.stringify({ type: 'event', event });
      for (const socket of server.clients) socket.send(text);
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of server.clients) socket.terminate();
      server.close();
    },
  };
}

function portOf(address: ReturnType<ReturnType<typeof createServer>['address']>): number {
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function listen(port: number): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, 'fan-out', 'listeners.ts'), { stdio: 'inherit' });
  const url = `ws://127.0.0.1:${port}/api/events`;
  child.send({ url, authorization: 'Bearer hf_bench', streams: STREAMS });
  await once(child, 'message');
  return child;
}

/** Microseconds of this process's CPU per delivered event, until all listeners have it. */
async function cpuPerDelivery(subject: Subject, child: ChildProcess, bursts: number): Promise<number> {
  const deliveries = bursts * BURST * STREAMS;
  const received = once(child, 'message');
  child.send({ expect: deliveries });
  const before = process.cpuUsage();
  for (let burst = 0; burst < bursts; burst += 1) {
    for (let index = 0; index < BURST; index += 1) subject.emit(nextEvent());
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_BURSTS_MS));
  }
  await received;
  const { user, system } = process.cpuUsage(before);
  return (user + system) / deliveries;
}

export async function run({ quick, signal }: BenchOptions): Promise<BenchTable> {
  await using stack = new AsyncDisposableStack();
  const hub = stack.use(await prepareHub());
  const loop = stack.use(await prepareLoop());
  const children = [await listen(hub.port), await listen(loop.port)] as const;
  stack.defer(() => {
    for (const child of children) child.kill();
  });
  const bursts = quick ? 5 : 40;
  const measured = await paired(
    {
      hub: () => cpuPerDelivery(hub, children[0], bursts),
      loop: () => cpuPerDelivery(loop, children[1], bursts),
    },
    { rounds: quick ? 3 : 20, warmup: 2, signal },
  );
  const row = {
    what: `an event to ${STREAMS} streams, in bursts of ${BURST}`,
    value: median(measured.hub),
    unit: 'us CPU',
    floor: `ws.send loop, ${median(measured.loop).toFixed(2)} us`,
  };
  return {
    name: 'fan-out',
    rows: [goalRow(row, ratios(measured.hub, measured.loop), { atMost: 0.3 })],
    environment: environment(),
    note: 'CPU of the serving process per delivered event; the listeners are processes of their own.',
  };
}
