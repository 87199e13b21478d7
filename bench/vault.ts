import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { type Home, homeAt, prepareHome } from '../src/base/home.ts';
import { signalOf } from '../src/base/lifecycle.ts';
import { vaultNodeFlags } from '../src/base/vault-flags.ts';
import { createVaultOwner } from '../src/cli/vault-owner.ts';
import {
  type BenchOptions,
  type BenchRow,
  type BenchTable,
  environment,
  goalRow,
  median,
  printTable,
  ratios,
} from './table.ts';

/**
 * What the vault costs on a model call, beside a bare node:http pipe to the same upstream: the whole stream, the time to
 * the first token, and the CPU of the process in the middle. Everything runs in a process of its own, on unix sockets,
 * in interleaved rounds. `node bench/vault.ts [--rounds N] [--streams 1,50,500]` runs it alone.
 */
export interface VaultBenchOptions extends BenchOptions {
  readonly rounds?: number;
  readonly streams?: readonly number[];
}

const ROOT = dirname(import.meta.dirname);
const TICK_MS = 10;
const TOTAL: Record<number, number> = { 1: 200, 50: 1_000, 500: 2_000 };
const SECRETS = 50;

interface Middle {
  readonly name: 'pipe' | 'vault' | 'scan';
  readonly socket: string;
  readonly child: ChildProcess;
}

interface Sample {
  readonly p50: number;
  readonly p99: number;
  readonly first50: number;
  readonly transit50: number;
  readonly transit99: number;
  readonly cpu: number;
}

export async function run(options: VaultBenchOptions): Promise<BenchTable> {
  const directory = await mkdtemp(join(tmpdir(), 'hf-bench-vault-'));
  const children: ChildProcess[] = [];
  try {
    const upstream = await startChild([join(ROOT, 'bench/vault/upstream.ts')], children);
    const port = Number(upstream.line.port);
    const middles = [
      await startPipe(join(directory, 'pipe.sock'), port, children),
      await startVault({ name: 'vault', root: join(directory, 'a'), port, secrets: 0 }, children),
      await startVault({ name: 'scan', root: join(directory, 'b'), port, secrets: SECRETS }, children),
    ];
    const rows: BenchRow[] = [];
    for (const streams of options.streams ?? [1, 50, 500]) rows.push(...(await unpaced(middles, streams, options)));
    rows.push(...(await paced(middles, options)));
    return {
      name: 'vault',
      environment: environment(),
      note: `Streams of 200 tokens. The vault runs as the product starts it, with its budget and ledger row per call, and with ${SECRETS} known secrets for the scan rows. CPU is that of the process in the middle, per stream.`,
      rows,
    };
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  }
}

async function unpaced(middles: readonly Middle[], streams: number, options: VaultBenchOptions): Promise<BenchRow[]> {
  const total = options.quick ? Math.max(streams, 100) : (TOTAL[streams] ?? streams * 4);
  const load = { path: '/model/acme/chat/completions', streams, total };
  const got = await rounds(middles, load, options);
  const of = (name: Middle['name'], key: keyof Sample): number[] => got[name].map((sample) => sample[key]);
  const value = (what: string, key: keyof Sample): BenchRow => ({ what, value: median(of('vault', key)), unit: 'ms' });
  const ratio = (key: keyof Sample) => ratios(of('vault', key), of('pipe', key));
  const title = `${streams} stream${streams === 1 ? '' : 's'}`;
  const floor = 'raw node:http pipe';
  const added = of('vault', 'first50').map((ms, index) => ms - (of('pipe', 'first50')[index] ?? Number.NaN));
  const plain = (what: string, key: keyof Sample): BenchRow => ({
    ...value(what, key),
    ratio: ratio(key).median,
    ratioWorse: ratio(key).p75,
    floor,
  });
  const cpu = { ...value(`${title}: CPU per stream`, 'cpu'), floor };
  const p50 = { ...value(`${title}: whole stream, p50`, 'p50'), floor };
  return [
    streams === 50 ? goalRow(p50, ratio('p50'), { atMost: 1.15 }) : plain(p50.what, 'p50'),
    plain(`${title}: whole stream, p99`, 'p99'),
    streams === 1 ? plain(cpu.what, 'cpu') : goalRow(cpu, ratio('cpu'), { atMost: 1.3 }),
    streams === 1
      ? goalRow({ ...value(`${title}: first token, p50`, 'first50'), floor }, ratio('first50'), { atMost: 1.5 })
      : plain(`${title}: first token, p50`, 'first50'),
    {
      what: `${title}: added to the first token, p50`,
      value: median(added),
      unit: 'ms',
      ...(streams === 1 ? { goal: '< 1 ms', met: median(added) < 1 } : {}),
    },
    goalRow(
      {
        what: `${title}: CPU with ${SECRETS} known secrets`,
        value: median(of('scan', 'cpu')),
        unit: 'ms',
        floor: 'no secret',
      },
      ratios(of('scan', 'cpu'), of('vault', 'cpu')),
      { atMost: 1.25 },
    ),
  ];
}

async function paced(middles: readonly Middle[], options: VaultBenchOptions): Promise<BenchRow[]> {
  const load = { path: '/model/paced/chat/completions', streams: 50, total: 50 };
  const got = await rounds(middles, load, { ...options, rounds: Math.min(5, roundsOf(options)) });
  const of = (name: Middle['name'], key: keyof Sample): number[] => got[name].map((sample) => sample[key]);
  const row = (what: string, key: keyof Sample) => ({
    what,
    value: median(of('vault', key)),
    unit: 'ms',
    floor: 'raw node:http pipe',
  });
  const p99 = ratios(of('vault', 'transit99'), of('pipe', 'transit99'));
  return [
    goalRow(
      row('50 paced streams: a token on its way, p50', 'transit50'),
      ratios(of('vault', 'transit50'), of('pipe', 'transit50')),
      {
        atMost: 1.3,
      },
    ),
    { ...row('50 paced streams: a token on its way, p99', 'transit99'), ratio: p99.median, ratioWorse: p99.p75 },
  ];
}

interface Load {
  readonly path: string;
  readonly streams: number;
  readonly total: number;
}

async function rounds(
  middles: readonly Middle[],
  load: Load,
  options: VaultBenchOptions,
): Promise<Record<Middle['name'], Sample[]>> {
  const samples: Record<Middle['name'], Sample[]> = { pipe: [], vault: [], scan: [] };
  for (let round = -1; round < roundsOf(options); round += 1) {
    for (const middle of middles) {
      options.signal.throwIfAborted();
      const sample = await measure(middle, load);
      if (round >= 0) samples[middle.name].push(sample);
    }
  }
  return samples;
}

function roundsOf(options: VaultBenchOptions): number {
  return options.rounds ?? (options.quick ? 1 : 7);
}

async function measure(middle: Middle, load: Load): Promise<Sample> {
  const before = cpuMs(middle.child);
  const args = [join(ROOT, 'bench/vault/load.ts'), middle.socket, load.path, String(load.streams), String(load.total)];
  const own: ChildProcess[] = [];
  const { line } = await startChild(args, own);
  return { ...(line as unknown as Omit<Sample, 'cpu'>), cpu: (cpuMs(middle.child) - before) / load.total };
}

/** User and system time so far. The name in the second field may hold spaces, so count from its end. */
function cpuMs(child: ChildProcess): number {
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

async function startPipe(socket: string, port: number, children: ChildProcess[]): Promise<Middle> {
  const { child } = await startChild([join(ROOT, 'bench/vault/pipe.ts'), socket, String(port)], children);
  return { name: 'pipe', socket, child };
}

interface VaultSpec {
  readonly name: 'vault' | 'scan';
  readonly root: string;
  readonly port: number;
  readonly secrets: number;
}

async function startVault(spec: VaultSpec, children: ChildProcess[]): Promise<Middle> {
  const home: Home = homeAt(spec.root);
  await prepareHome(home);
  const args = [...vaultNodeFlags(home, ROOT), join(ROOT, 'src/vault/main.ts'), '--home', spec.root];
  const { child } = await startChild(args, children);
  const owner = createVaultOwner({ socketPath: home.vaultOwnerSocket });
  await owner.putBudget('bench', { dailyUsd: 1_000_000, monthlyUsd: 1_000_000 });
  const prices = { '*': { input: 1, output: 2 } };
  await owner.putProvider('acme', { wire: 'openai-chat', baseUrl: `http://127.0.0.1:${spec.port}/v1`, prices });
  await owner.putProvider('paced', { wire: 'openai-chat', baseUrl: `http://127.0.0.1:${spec.port}/paced`, prices });
  for (let index = 0; index < spec.secrets; index += 1) {
    await owner.putSecret(`bench.${index}`, Buffer.from(`sk-bench-${index}-${'0123456789abcdef'.repeat(2)}`));
  }
  return { name: spec.name, socket: home.vaultHostSocket, child };
}

/** Starts a Node process and waits for its first line of JSON. */
async function startChild(
  args: readonly string[],
  children: ChildProcess[],
): Promise<{ child: ChildProcess; line: Record<string, unknown> }> {
  const child = spawn(process.execPath, [...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    child.once('exit', (code) => setTimeout(() => reject(new Error(`node ${args.join(' ')} ended with ${code}`)), 200));
  });
  return { child, line: JSON.parse(line) };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { rounds: { type: 'string' }, streams: { type: 'string' }, json: { type: 'boolean' } },
  });
  const table = await run({
    quick: false,
    signal: signalOf(process),
    ...(values.rounds ? { rounds: Number(values.rounds) } : {}),
    ...(values.streams ? { streams: values.streams.split(',').map(Number) } : {}),
  });
  process.stdout.write(values.json ? `${JSON.stringify(table, null, 2)}\n` : printTable(table));
}
