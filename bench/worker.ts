import { parseArgs } from 'node:util';
import { signalOf } from '../src/base/lifecycle.ts';
import type { EventView } from '../src/protocol/api.ts';
import type { JournalEventType } from '../src/protocol/event.ts';
import type { ScenarioInput } from '../src/simulator/scenario.ts';
import { createWorld, type World } from '../src/testing/world.ts';
import { BENCH_MODEL, buildProduct, type Product, startModel, startProduct } from './product/product.ts';
import { runBareBubblewrap, runBareNode, timed } from './product/spawned.ts';
import {
  type BenchOptions,
  type BenchRow,
  BenchSkipped,
  type BenchTable,
  environment,
  goalRow,
  median,
  paired,
  printTable,
  ratios,
} from './table.ts';

/**
 * What a worker costs through the whole product: its tool calls against a bare `node -e 0`, and its whole life (spawn,
 * two model calls, one sandboxed command, result) against two raw model calls and one bare bubblewrap.
 * `node bench/worker.ts [--rounds N]` runs it alone.
 */
export interface WorkerBenchOptions extends BenchOptions {
  readonly rounds?: number;
}

const SWARM = 20;
const OPERATOR = ['spawn_worker'];
const WORKER = ['run_command'];
const OWNER = { id: 'bench', surface: 'token' } as const;

/** A worker of this model runs `echo` so many times, then it is done; its operator starts one or twenty of them. */
function scenarioOf(commands: number): ScenarioInput {
  const echo = (index: number) => ({ tool: 'run_command', arguments: { command: `echo ${index}` } });
  const spawnOf = (index: number) => ({
    tool: 'spawn_worker',
    arguments: { template: 'code_worker', task: `Job ${index}` },
  });
  return {
    name: 'bench',
    rules: [
      ...Array.from({ length: commands }, (_, index) => ({
        when: { tools: WORKER, toolResults: index },
        answer: { toolCalls: [echo(index)] },
      })),
      { when: { tools: WORKER }, answer: { text: 'It said so.' } },
      {
        when: { tools: OPERATOR, request: 'swarm', toolResults: 0 },
        answer: { toolCalls: Array.from({ length: SWARM }, (_, index) => spawnOf(index)) },
      },
      { when: { tools: OPERATOR, toolResults: 0 }, answer: { toolCalls: [spawnOf(0)] } },
      { when: {}, answer: { text: 'Done.' } },
    ],
  };
}

export async function run(options: WorkerBenchOptions): Promise<BenchTable> {
  buildProduct();
  const rounds = options.rounds ?? (options.quick ? 2 : 24);
  const tools = await toolRows(rounds, options.signal);
  const lives = await lifeRows(rounds, options.signal);
  return {
    name: 'worker',
    environment: environment(),
    note: 'Tool calls: from the durable `tool.requested` to the durable `effect.finished`, whole product in one process. Lives: the built product, each process its own, with the simulator as an instant model.',
    rows: [...tools, ...lives],
  };
}

/** The first call of a run makes its sandbox; the ones after it find it warm. */
async function toolRows(rounds: number, signal: AbortSignal): Promise<readonly BenchRow[]> {
  await using world = await createWorld({ scenarios: [scenarioOf(2)], model: 'simulator/bench' });
  if (!(await world.host.control.status()).sandbox.available) throw new BenchSkipped('no sandbox can be made here');
  const measured = { node: [] as number[], cold: [] as number[], warm: [] as number[] };
  for (let round = -2; round < rounds; round += 1) {
    signal.throwIfAborted();
    const node = await timed(runBareNode);
    const [cold = Number.NaN, warm = Number.NaN] = await timeTools(world);
    if (round < 0) continue;
    measured.node.push(node);
    measured.cold.push(cold);
    measured.warm.push(warm);
  }
  const row = (what: string, values: readonly number[]) =>
    goalRow({ what, value: median(values), unit: 'ms', floor: '`node -e 0`' }, ratios(values, measured.node), {
      atMost: 0.35,
    });
  return [
    { what: 'bare `node -e 0`', value: median(measured.node), unit: 'ms' },
    row('tool result of a warm worker', measured.warm),
    row('first tool result, sandbox made for it', measured.cold),
  ];
}

/** One worker; the time of each of its tool calls. */
async function timeTools(world: World): Promise<readonly number[]> {
  const requested = new Map<string, number>();
  const times: number[] = [];
  using _subscription = world.host.control.subscribe({
    live: () => {},
    event: ({ event }) => {
      if (event.type === 'tool.requested' && event.tool === 'run_command')
        requested.set(event.effectId, performance.now());
      const began = event.type === 'effect.finished' ? requested.get(event.effectId) : undefined;
      if (began !== undefined) times.push(performance.now() - began);
    },
  });
  const { id } = await world.host.control.createSession('operator', OWNER);
  const message = await world.ask('Go', { sessionId: id });
  if (message.state !== 'answered' || times.length === 0) throw new Error(`The worker did not work: ${message.state}`);
  return times;
}

async function lifeRows(rounds: number, signal: AbortSignal): Promise<readonly BenchRow[]> {
  await using model = await startModel(scenarioOf(1));
  await using product = await startProduct({ modelUrl: model.url });
  const measured = await paired(
    {
      floor: () => timed(() => bareLife(model.url)),
      one: () => workersLife(product, 'go', 1),
      swarm: () => workersLife(product, 'swarm', SWARM),
    },
    { rounds, warmup: 2, signal },
  );
  const floor = 'two raw model calls + a bare bubblewrap';
  return [
    { what: floor, value: median(measured.floor), unit: 'ms' },
    goalRow(
      { what: 'a worker, spawn to result', value: median(measured.one), unit: 'ms', floor },
      ratios(measured.one, measured.floor),
      { atMost: 3 },
    ),
    goalRow(
      { what: `${SWARM} workers at once`, value: median(measured.swarm), unit: 'ms', floor: 'one worker' },
      ratios(measured.swarm, measured.one),
      { atMost: 12 },
    ),
  ];
}

async function bareLife(url: string): Promise<void> {
  await callModel(url);
  await runBareBubblewrap();
  await callModel(url);
}

async function callModel(url: string): Promise<void> {
  const messages = [
    { role: 'system', content: 'You are a worker.' },
    { role: 'user', content: 'Job 0' },
  ];
  const reply = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: BENCH_MODEL.split('/')[1], stream: true, messages }),
  });
  await reply.arrayBuffer();
}

/** From the first worker that is started to the last whose result is there, as the journal says. */
async function workersLife(product: Product, text: string, count: number): Promise<number> {
  const { id: sessionId } = await product.api.createSession('operator');
  const message = await product.api.sendAndWait('operator', { text, sessionId });
  const events = await product.api.runEvents(message.runId ?? '', { limit: 500 });
  const finished = timesOf(events, 'effect.finished');
  if (message.state !== 'answered' || finished.length !== count)
    throw new Error(`${finished.length} of ${count} workers came back; the message is ${message.state}.`);
  return Math.max(...finished) - Math.min(...timesOf(events, 'effect.started'));
}

function timesOf(events: readonly EventView[], type: JournalEventType): readonly number[] {
  return events.filter(({ event }) => event.type === type).map(({ at }) => at);
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { rounds: { type: 'string' }, json: { type: 'boolean' } } });
  const rounds = values.rounds === undefined ? {} : { rounds: Number(values.rounds) };
  const table = await run({ quick: false, signal: signalOf(process), ...rounds });
  process.stdout.write(values.json ? `${JSON.stringify(table, null, 2)}\n` : printTable(table));
}
