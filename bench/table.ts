import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';

/**
 * What a benchmark gives back, and the one way to compare: interleaved rounds (A B C A B C …), so that whatever else the
 * machine does falls on all alike. Of the paired ratios we print the median and the quartile that is worse for us.
 */
export interface BenchRow {
  readonly what: string;
  readonly value: number;
  /** `ms`, `1/s`, `x` … */
  readonly unit: string;
  /** Against the floor measured side by side. */
  readonly ratio?: number;
  /** The quartile of the paired ratios on the unfavourable side. */
  readonly ratioWorse?: number;
  /** What the floor is, e.g. `bare fdatasync`. */
  readonly floor?: string;
  /** e.g. `<= 1.5x`. */
  readonly goal?: string;
  readonly met?: boolean;
}

export interface BenchEnvironment {
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly loadAverage: string;
  readonly at: string;
}

export interface BenchTable {
  readonly name: string;
  readonly rows: readonly BenchRow[];
  readonly environment: BenchEnvironment;
  /** How it was measured, in a sentence or two. */
  readonly note?: string;
}

export interface BenchOptions {
  /** Few rounds: proves that it runs, not how fast it is. */
  readonly quick: boolean;
  readonly signal: AbortSignal;
}

/** Every `bench/<name>.ts` exports `run: BenchRun`; it throws `BenchSkipped` when it lacks something. */
export type BenchRun = (options: BenchOptions) => Promise<BenchTable>;

export class BenchSkipped extends Error {
  override readonly name = 'BenchSkipped';
}

export function environment(): BenchEnvironment {
  const [cpu] = cpus();
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpu?.model.trim() || 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round((totalmem() / 2 ** 30) * 10) / 10,
    loadAverage: loadAverage(),
    at: new Date().toISOString(),
  };
}

function loadAverage(): string {
  try {
    return readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).join(' ');
  } catch {
    return 'unknown';
  }
}

export type Measured<Name extends string> = Readonly<Record<Name, readonly number[]>>;

/** Runs every measure once per round, in turn, after one round that is thrown away. Each returns its own number. */
export async function paired<Name extends string>(
  measures: Readonly<Record<Name, () => Promise<number> | number>>,
  options: { readonly rounds: number; readonly warmup?: number; readonly signal?: AbortSignal },
): Promise<Measured<Name>> {
  const names = Object.keys(measures) as Name[];
  const results = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  const warmup = options.warmup ?? 1;
  for (let round = -warmup; round < options.rounds; round += 1)
    for (const name of names) {
      options.signal?.throwIfAborted();
      const value = await measures[name]();
      if (round >= 0) results[name].push(value);
    }
  return results;
}

/** `q` from 0 to 1, interpolated. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * q;
  const low = sorted[Math.floor(position)] ?? Number.NaN;
  const high = sorted[Math.ceil(position)] ?? Number.NaN;
  return low + (high - low) * (position - Math.floor(position));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export interface Ratio {
  readonly median: number;
  readonly p25: number;
  readonly p75: number;
}

/** Quotients of the same round: `ratios(ours, floor)`. */
export function ratios(ours: readonly number[], floor: readonly number[]): Ratio {
  const quotients = ours.map((value, index) => value / (floor[index] ?? Number.NaN));
  return { median: median(quotients), p25: quantile(quotients, 0.25), p75: quantile(quotients, 0.75) };
}

/**
 * A row whose goal is a bound on the median ratio: `atMost` for times, `atLeast` for rates. It is a miss only when the
 * favourable quartile misses too, so that a busy machine alone does not turn it red.
 */
export function goalRow(
  row: Pick<BenchRow, 'what' | 'value' | 'unit' | 'floor'>,
  ratio: Ratio,
  goal: { readonly atMost: number } | { readonly atLeast: number },
): BenchRow {
  if ('atMost' in goal)
    return {
      ...row,
      ratio: ratio.median,
      ratioWorse: ratio.p75,
      goal: `<= ${goal.atMost}x`,
      met: ratio.p25 <= goal.atMost,
    };
  return {
    ...row,
    ratio: ratio.median,
    ratioWorse: ratio.p25,
    goal: `>= ${goal.atLeast}x`,
    met: ratio.p75 >= goal.atLeast,
  };
}

export function printTable(table: BenchTable): string {
  const head = ['what', 'value', 'ratio', 'worse quartile', 'floor', 'goal', 'met'];
  const lines = table.rows.map((row) => [
    row.what,
    `${formatNumber(row.value)} ${row.unit}`,
    row.ratio === undefined ? '' : `${formatNumber(row.ratio)}x`,
    row.ratioWorse === undefined ? '' : `${formatNumber(row.ratioWorse)}x`,
    row.floor ?? '',
    row.goal ?? '',
    row.met === undefined ? '' : row.met ? 'yes' : 'NO',
  ]);
  const widths = head.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column]?.length ?? 0)));
  const render = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  const { cpu, cores, node, platform, loadAverage: load } = table.environment;
  const where = `${cpu}, ${cores} cores, ${platform}, Node ${node}, load ${load}`;
  return [
    `## ${table.name}`,
    where,
    ...(table.note ? [table.note] : []),
    '',
    render(head),
    rule,
    ...lines.map(render),
    '',
  ].join('\n');
}

function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const size = Math.abs(value);
  if (size >= 1_000) return Math.round(value).toLocaleString('en-US');
  return size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(2);
}
