import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { signalOf } from '../src/base/lifecycle.ts';
import { createSimulator, type Simulator } from '../src/simulator/simulator.ts';
import { BENCH_MODEL, buildProduct, type Product, startProduct } from './product/product.ts';
import { timed } from './product/spawned.ts';
import {
  type BenchOptions,
  type BenchTable,
  environment,
  median,
  paired,
  printTable,
  quantile,
  ratios,
} from './table.ts';

/**
 * P16 and P14: how long a message takes to its answer when the model answers at once and dashboards look on, and what a
 * trivial message costs in model calls and characters. `node bench/reply.ts [--rounds N]` runs it alone.
 */
export interface ReplyBenchOptions extends BenchOptions {
  readonly rounds?: number;
}

const DASHBOARDS = 16;
const GOAL_MS = 20;
const GOAL_CHARACTERS = 15_000;

export async function run(options: ReplyBenchOptions): Promise<BenchTable> {
  buildProduct();
  const { signal } = options;
  await using simulator = await createSimulator({
    scenarios: [{ name: 'bench', rules: [{ answer: { text: 'Hello.' } }] }],
  });
  await using product = await startProduct({ modelUrl: simulator.url });
  const alone = await paired(measuresOf(product, simulator), { rounds: roundsOf(options), warmup: 10, signal });
  const trivial = await trivialMessage(product, simulator);
  await using _dashboards = await openDashboards(product);
  const watched = await paired(measuresOf(product, simulator), { rounds: roundsOf(options), warmup: 10, signal });
  const p95 = quantile(watched.reply, 0.95);
  const floor = 'a raw model call';
  const against = ({ reply, call }: typeof alone) => {
    const ratio = ratios(reply, call);
    return { floor, ratio: ratio.median, ratioWorse: ratio.p75 };
  };
  return {
    name: 'reply',
    environment: environment(),
    note: 'The built product, each process its own; from the request of a client on the unix socket to the answered message.',
    rows: [
      { what: floor, value: median([...alone.call, ...watched.call]), unit: 'ms' },
      { what: 'a reply, nobody looks on, p50', value: median(alone.reply), unit: 'ms', ...against(alone) },
      {
        what: `a reply while ${DASHBOARDS} dashboards are open, p50`,
        value: median(watched.reply),
        unit: 'ms',
        ...against(watched),
      },
      {
        what: `a reply while ${DASHBOARDS} dashboards are open, p95`,
        value: p95,
        unit: 'ms',
        goal: `< ${GOAL_MS} ms`,
        met: p95 < GOAL_MS,
      },
      { ...trivial.calls, goal: '1', met: trivial.calls.value === 1 },
      { ...trivial.characters, goal: `< ${GOAL_CHARACTERS}`, met: trivial.characters.value < GOAL_CHARACTERS },
      { ...trivial.stable, goal: 'yes', met: trivial.stable.value === 1 },
    ],
  };
}

function roundsOf(options: ReplyBenchOptions): number {
  return options.rounds ?? (options.quick ? 10 : 100);
}

function measuresOf(product: Product, simulator: Simulator) {
  return {
    call: () => timed(() => callModel(simulator)),
    reply: async () => {
      const session = await newSession(product);
      return await timed(() => say(product, session, 'Hi'));
    },
  };
}

async function callModel(simulator: Simulator): Promise<void> {
  const reply = await fetch(`${simulator.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: BENCH_MODEL.split('/')[1],
      stream: true,
      messages: [{ role: 'user', content: 'Hi' }],
    }),
  });
  await reply.arrayBuffer();
}

/** One for each message: the transcript must not grow from round to round. */
async function newSession(product: Product): Promise<string> {
  return (await product.api.createSession('operator')).id;
}

async function say(product: Product, sessionId: string, text: string): Promise<void> {
  const message = await product.api.sendAndWait('operator', { text, sessionId });
  if (message.state !== 'answered') throw new Error(`The message is ${message.state}: ${message.answer}`);
}

async function trivialMessage(product: Product, simulator: Simulator) {
  simulator.reset();
  const session = await newSession(product);
  await say(product, session, 'Hi');
  const first = bodies(simulator);
  await say(product, session, 'Thanks');
  const [, second = ''] = bodies(simulator);
  const messages = (body: string): unknown[] => JSON.parse(body).messages;
  const prefix = JSON.stringify(messages(first[0] ?? '')).slice(0, -1);
  const isStable = JSON.stringify(messages(second)).startsWith(prefix);
  return {
    calls: { what: 'model calls for a trivial message', value: first.length, unit: '' },
    characters: {
      what: 'characters sent for it',
      value: first.reduce((total, body) => total + body.length, 0),
      unit: '',
    },
    stable: { what: 'the next message sends the same beginning (1 = yes)', value: isStable ? 1 : 0, unit: '' },
  };
}

function bodies(simulator: Simulator): readonly string[] {
  return simulator.requests.flatMap(({ wire, body }) => (wire === undefined ? [] : [JSON.stringify(body)]));
}

/** Event streams in a process of their own, as browsers are. */
async function openDashboards(product: Product): Promise<AsyncDisposable> {
  const { token } = await product.api.createToken('bench');
  const child = fork(join(import.meta.dirname, 'fan-out', 'listeners.ts'), { stdio: 'inherit' });
  const url = `${product.url.replace(/^http/, 'ws')}/api/events`;
  child.send({ url, authorization: `Bearer ${token}`, streams: DASHBOARDS });
  await once(child, 'message');
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
    },
  };
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { rounds: { type: 'string' }, json: { type: 'boolean' } } });
  const rounds = values.rounds === undefined ? {} : { rounds: Number(values.rounds) };
  const table = await run({ quick: false, signal: signalOf(process), ...rounds });
  process.stdout.write(values.json ? `${JSON.stringify(table, null, 2)}\n` : printTable(table));
}
