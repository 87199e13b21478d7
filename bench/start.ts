import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { signalOf } from '../src/base/lifecycle.ts';
import { buildProduct, firstLine, type Product, startProduct } from './product/product.ts';
import { runBareNode, timed } from './product/spawned.ts';
import {
  type BenchOptions,
  type BenchTable,
  environment,
  goalRow,
  median,
  paired,
  printTable,
  ratios,
} from './table.ts';

/**
 * P8 and P7: how long `holdfast start` takes until the API answers, against `node -e 0`, and what host and vault hold in
 * memory once the dashboard was served and nobody asks any more, against two Node processes that only listen.
 * `node bench/start.ts [--rounds N]` runs it alone.
 */
export interface StartBenchOptions extends BenchOptions {
  readonly rounds?: number;
}

const LISTENER = "require('node:http').createServer().listen(0, '127.0.0.1', () => console.log('listens'))";
/** Long enough for what a start leaves behind to be collected and written. */
const SETTLE_MS = 3_000;
const MEBIBYTE_KIB = 1_024;
/** A third of the 1.84 s of the fastest peer. */
const PEER_THIRD_MS = 613;

type Memory = Readonly<Record<'rss' | 'pss', number>>;

export async function run(options: StartBenchOptions): Promise<BenchTable> {
  buildProduct();
  const { signal } = options;
  const rounds = options.rounds ?? (options.quick ? 2 : 20);
  const started: number[] = [];
  const measured = await paired(
    {
      node: () => timed(runBareNode),
      answers: async () => {
        await using product = await startProduct();
        started.push(product.startedMs);
        return product.answersMs;
      },
    },
    { rounds, signal },
  );
  const memory = await memoryRounds(options.quick ? 1 : Math.min(3, rounds), signal);
  const floor = '`node -e 0`';
  const answers = median(measured.answers);
  return {
    name: 'start',
    environment: environment(),
    note: 'The built product on a new home each time, with its own simulator. Memory: resident (RSS) and proportional (PSS) of host and vault after the dashboard was loaded.',
    rows: [
      { what: 'bare `node -e 0`', value: median(measured.node), unit: 'ms' },
      goalRow(
        { what: '`holdfast start`, until the API answers', value: answers, unit: 'ms', floor },
        ratios(measured.answers, measured.node),
        { atMost: 10 },
      ),
      {
        what: '`holdfast start`, against a third of OpenLegion',
        value: answers,
        unit: 'ms',
        goal: `< ${PEER_THIRD_MS} ms`,
        met: answers < PEER_THIRD_MS,
      },
      { what: '`holdfast start`, until the command is done', value: median(started.slice(1)), unit: 'ms' },
      ...memory,
    ],
  };
}

async function memoryRounds(rounds: number, signal: AbortSignal): Promise<BenchTable['rows']> {
  const ours = { host: [] as Memory[], vault: [] as Memory[] };
  const bare: Memory[] = [];
  for (let round = 0; round < rounds; round += 1) {
    signal.throwIfAborted();
    await using product = await startProduct();
    await using floor = await startListeners();
    await loadDashboard(product);
    await delay(SETTLE_MS, undefined, { signal });
    ours.host.push(memoryOf(product.pidOf('host')));
    ours.vault.push(memoryOf(product.pidOf('vault')));
    bare.push(sum(floor.pids.map(memoryOf)));
  }
  const both = ours.host.map((host, round) => sum([host, ours.vault[round] ?? { rss: Number.NaN, pss: Number.NaN }]));
  const of = (list: readonly Memory[], key: keyof Memory): number[] => list.map((memory) => memory[key]);
  const plain = (what: string, list: readonly Memory[], key: keyof Memory) => {
    return { what: `${what}, ${key.toUpperCase()}`, value: median(of(list, key)), unit: 'MiB' };
  };
  const floor = 'two bare Node processes';
  const pss = ratios(of(both, 'pss'), of(bare, 'pss'));
  return [
    plain(floor, bare, 'rss'),
    plain(floor, bare, 'pss'),
    goalRow({ ...plain('host and vault, idle', both, 'rss'), floor }, ratios(of(both, 'rss'), of(bare, 'rss')), {
      atMost: 1.6,
    }),
    { ...plain('host and vault, idle', both, 'pss'), floor, ratio: pss.median, ratioWorse: pss.p75 },
    plain('of that the host', ours.host, 'rss'),
    plain('of that the vault', ours.vault, 'rss'),
  ];
}

/** The page and everything it names, as a browser fetches it. */
async function loadDashboard({ url }: Product): Promise<void> {
  const page = await (await fetch(url)).text();
  for (const [, path = ''] of page.matchAll(/(?:src|href)="(\/[^"]+)"/g))
    await (await fetch(new URL(path, url))).arrayBuffer();
}

async function startListeners(): Promise<AsyncDisposable & { readonly pids: readonly number[] }> {
  const children: ChildProcess[] = [LISTENER, LISTENER].map((code) =>
    spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  await Promise.all(children.map(firstLine));
  return {
    pids: children.flatMap(({ pid }) => (pid === undefined ? [] : [pid])),
    [Symbol.asyncDispose]: async () => {
      for (const child of children) child.kill('SIGKILL');
    },
  };
}

function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const mebibytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) / MEBIBYTE_KIB;
  return { rss: mebibytes('Rss'), pss: mebibytes('Pss') };
}

function sum(list: readonly Memory[]): Memory {
  return {
    rss: list.reduce((total, memory) => total + memory.rss, 0),
    pss: list.reduce((total, memory) => total + memory.pss, 0),
  };
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { rounds: { type: 'string' }, json: { type: 'boolean' } } });
  const rounds = values.rounds === undefined ? {} : { rounds: Number(values.rounds) };
  const table = await run({ quick: false, signal: signalOf(process), ...rounds });
  process.stdout.write(values.json ? `${JSON.stringify(table, null, 2)}\n` : printTable(table));
}
