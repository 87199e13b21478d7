import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { type Home, homeAt } from '../../src/base/home.ts';
import { type ApiClient, createApiClient } from '../../src/cli/api-client.ts';
import { createVaultOwner } from '../../src/cli/vault-owner.ts';
import type { ScenarioInput } from '../../src/simulator/scenario.ts';
import { BenchSkipped } from '../table.ts';

/** The product as a user has it: built, started by `bin/holdfast.js start` on a new home, every process its own. */
const ROOT = resolve(import.meta.dirname, '../..');
export const BIN = join(ROOT, 'bin', 'holdfast.js');
/** What the bench's model is called in the product. */
export const BENCH_MODEL = 'bench/instant';

const START_WITHIN_MS = 120_000;
const ASK_EVERY_MS = 5;

export interface Product extends AsyncDisposable {
  readonly home: Home;
  readonly api: ApiClient;
  /** From the command to the first answer of the API, in milliseconds; and until the command itself was done. */
  readonly answersMs: number;
  readonly startedMs: number;
  readonly url: string;
  pidOf(name: 'supervisor' | 'vault' | 'host'): number;
}

/** Compiles what changed, as `npm start` would. */
export function buildProduct(): void {
  const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'scripts', 'build.js')], { encoding: 'utf8' });
  if (status !== 0) throw new BenchSkipped(`the build failed: ${stderr.trim()}`);
}

export interface ProductOptions {
  /** Where an OpenAI-compatible model answers. Absent: the product's own simulator. */
  readonly modelUrl?: string;
}

export async function startProduct(options: ProductOptions = {}): Promise<Product> {
  await using undo = new AsyncDisposableStack();
  const root = await mkdtemp(join(tmpdir(), 'hf-bench-'));
  undo.defer(() => rm(root, { recursive: true, force: true }));
  const home = homeAt(root);
  const model = options.modelUrl === undefined ? {} : { model: BENCH_MODEL };
  await writeFile(home.configFile, JSON.stringify({ ...model, logLevel: 'warn' }));
  const began = performance.now();
  undo.defer(() => holdfast(['stop'], root));
  const api = createApiClient({ socketPath: home.hostSocket });
  const command = holdfast(['start', '--no-chat', '--port', '0'], root);
  const [answersMs, startedMs] = await Promise.all([
    firstAnswer(api).then(() => performance.now() - began),
    command.then(() => performance.now() - began),
  ]);
  if (options.modelUrl !== undefined) await addModel(home, options.modelUrl);
  const { url } = await api.status();
  const owned = undo.move();
  return {
    ...{ home, api, answersMs, startedMs, url },
    pidOf: (name) => processId(home, name),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function firstAnswer(api: ApiClient): Promise<void> {
  const deadline = performance.now() + START_WITHIN_MS;
  for (;;) {
    try {
      await api.status();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(ASK_EVERY_MS);
    }
  }
}

async function addModel(home: Home, url: string): Promise<void> {
  const owner = createVaultOwner({ socketPath: home.vaultOwnerSocket });
  const [id = '', defaultModel = ''] = BENCH_MODEL.split('/');
  await owner.putProvider(id, { wire: 'openai-chat', baseUrl: `${url}/v1`, simulator: true, defaultModel });
}

async function holdfast(args: readonly string[], home: string): Promise<void> {
  const child = spawn(process.execPath, [BIN, ...args], {
    env: { PATH: process.env.PATH ?? '', HOLDFAST_HOME: home },
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: START_WITHIN_MS,
  });
  const code = await new Promise((ended) => child.once('exit', ended));
  if (code !== 0) throw new Error(`holdfast ${args.join(' ')} ended with ${code}`);
}

function processId(home: Home, name: string): number {
  const file = JSON.parse(readFileSync(home.supervisorPid, 'utf8'));
  const children: readonly { name: string; pid: number }[] = file.children;
  const found = name === 'supervisor' ? file.supervisor : children.find((child) => child.name === name);
  if (found === undefined) throw new Error(`there is no process ${name}`);
  return found.pid;
}

export interface ModelProcess extends AsyncDisposable {
  readonly url: string;
}

/** The simulator, in a process of its own. */
export async function startModel(scenario: ScenarioInput): Promise<ModelProcess> {
  const directory = await mkdtemp(join(tmpdir(), 'hf-bench-model-'));
  const file = join(directory, 'scenario.json');
  await writeFile(file, JSON.stringify(scenario));
  const entry = join(ROOT, 'dist', 'simulator', 'main.js');
  if (!existsSync(entry)) throw new BenchSkipped('there is no build');
  const child = spawn(process.execPath, [entry, '--scenario', file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const { port } = JSON.parse(await firstLine(child));
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((found, failed) => {
    child.once('exit', (code) => failed(new Error(`a process of the bench ended with ${code}`)));
    if (child.stdout !== null) createInterface({ input: child.stdout }).once('line', found);
  });
}
