import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { writeFileAtomic } from '../src/base/atomic-file.ts';
import { signalOf } from '../src/base/lifecycle.ts';
import { type BenchRun, BenchSkipped, type BenchTable, printTable } from './table.ts';

/** `npm run bench -- [--quick] [--only journal]…`: every bench of this folder, a table each, and `bench/results.json`. */
const FOLDER = import.meta.dirname;
const NOT_BENCHES = ['run.ts', 'table.ts'];

interface Skipped {
  readonly name: string;
  readonly reason: string;
}

function benchNames(): string[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !NOT_BENCHES.includes(name))
    .map((name) => basename(name, '.ts'))
    .sort();
}

async function load(name: string): Promise<BenchRun> {
  const module: { readonly run?: unknown } = await import(pathToFileURL(join(FOLDER, `${name}.ts`)).href);
  if (typeof module.run !== 'function') throw new BenchSkipped('it exports no `run`');
  return module.run as BenchRun; // The one parser of a bench module: its shape is checked by the compiler in its own file.
}

async function runOne(name: string, options: Parameters<BenchRun>[0]): Promise<BenchTable | Skipped> {
  try {
    return await (await load(name))(options);
  } catch (error) {
    if (error instanceof BenchSkipped) return { name, reason: error.message };
    const missing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
    if (missing) return { name, reason: error.message };
    throw error;
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, only: { type: 'string', multiple: true } },
  });
  const known = benchNames();
  const unknown = (values.only ?? []).filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    console.error(`No bench named ${unknown.join(', ')}. There are: ${known.join(', ')}.`);
    return 2;
  }
  const options = { quick: values.quick, signal: signalOf(process) };
  const tables: BenchTable[] = [];
  const skipped: Skipped[] = [];
  for (const name of values.only ?? known) {
    const result = await runOne(name, options);
    if ('reason' in result) {
      skipped.push(result);
      console.log(`## ${name}: skipped, ${result.reason}\n`);
      continue;
    }
    tables.push(result);
    console.log(printTable(result));
  }
  const results = { quick: values.quick, tables, skipped };
  await writeFileAtomic(join(FOLDER, 'results.json'), `${JSON.stringify(results, null, 2)}\n`, 0o644);
  const missed = tables.flatMap((table) => table.rows.filter((row) => row.met === false).map((row) => row.what));
  if (missed.length > 0) console.log(`Missed: ${missed.join('; ')}.`);
  return 0;
}

process.exitCode = await main();
