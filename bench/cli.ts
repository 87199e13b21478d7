import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { homeAt } from '../src/base/home.ts';
import { type BenchOptions, type BenchTable, environment, goalRow, median, paired, ratios } from './table.ts';

/** P9: how long the command line takes to say something, against a Node that says nothing. */
const BIN = join(resolve(import.meta.dirname, '..'), 'bin', 'holdfast.js');

/** Another process, as in reality: answers on both sockets with replies of a real size. */
const SERVER = `
  const [host, supervisor] = process.argv.slice(1);
  const body = JSON.stringify({ version: '0.1.0', problems: [], filler: 'x'.repeat(2000) });
  require('node:http').createServer((q, r) => r.setHeader('content-length', body.length).end(body)).listen(host, () =>
    require('node:net').createServer((c) => c.once('data', () => c.end(body + '\\n'))).listen(supervisor, () =>
      console.log('ready')));`;

function timed(args: readonly string[], home: string, expectedCode: number): number {
  const began = performance.now();
  const { status } = spawnSync(process.execPath, args, {
    env: { HOLDFAST_HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const took = performance.now() - began;
  if (status !== expectedCode) throw new Error(`node ${args.join(' ')} ended with ${status}`);
  return took;
}

export async function run({ quick, signal }: BenchOptions): Promise<BenchTable> {
  const directory = mkdtempSync(join(tmpdir(), 'hf-bench-cli-'));
  const home = homeAt(directory);
  mkdirSync(home.run, { recursive: true, mode: 0o700 });
  const server = spawn(process.execPath, ['-e', SERVER, home.hostSocket, home.supervisorSocket]);
  try {
    await new Promise((ready, failed) => {
      server.stdout.once('data', ready);
      server.once('exit', () => failed(new Error('the stand-in for the product did not start')));
    });
    const measured = await paired(
      {
        floor: () => timed(['-e', '0'], directory, 0),
        status: () => timed([BIN, 'status', '--json'], directory, 0),
        help: () => timed([BIN, '--help'], directory, 0),
        version: () => timed([BIN, 'version'], directory, 0),
      },
      { rounds: quick ? 3 : 25, signal },
    );
    const row = (what: string, values: readonly number[], atMost: number) =>
      goalRow({ what, value: median(values), unit: 'ms', floor: '`node -e 0`' }, ratios(values, measured.floor), {
        atMost,
      });
    return {
      name: 'cli',
      environment: environment(),
      note: 'Wall time of the whole process. `status --json` asks a supervisor and a host, which are one small stand-in process.',
      rows: [
        { what: 'bare `node -e 0`', value: median(measured.floor), unit: 'ms' },
        row('`holdfast status --json`', measured.status, 1.15),
        row('`holdfast --help`', measured.help, 1.1),
        row('`holdfast version`', measured.version, 1.1),
      ],
    };
  } finally {
    server.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
}
