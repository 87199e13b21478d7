/** What `setup`, `start` and `test` share: finding tools, running steps, saying what happens. Plain Node 20, no dependencies. */
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const NEEDED = [24, 11];
const TICK_MS = 10_000;
const { findNode } = createRequire(import.meta.url)('../bin/entry.js');

/** A failure that was foreseen: shown as its message and remedy, without a stack. */
export class StepError extends Error {
  constructor(message, remedy) {
    super(message);
    this.remedy = remedy;
  }
}

export function say(line) {
  process.stdout.write(`${line}\n`);
}

/** Runs `work` as a named step: says its name, how long it took, and that it still goes on while it does. */
export async function step(title, work) {
  const startedAt = Date.now();
  say(`• ${title}`);
  const timer = setInterval(() => say(`  … still at it, ${seconds(startedAt)}`), TICK_MS);
  try {
    const note = await work();
    say(`  ✓ ${note ?? 'done'} (${seconds(startedAt)})`);
  } finally {
    clearInterval(timer);
  }
}

/** One line for a step that has nothing to do. */
export function skip(title, note) {
  say(`• ${title}\n  ✓ ${note}`);
}

function seconds(startedAt) {
  return `${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
}

/** The Node that runs the product: this one if it is new enough, else the one npm installed with us. */
export function productNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const bundled = findNode(ROOT);
  if (bundled !== undefined) return bundled;
  return major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1]) ? process.execPath : undefined;
}

/** Runs a program to its end; resolves with its exit code and everything it printed. */
export function run(file, args, { env = process.env, show = false, cwd = ROOT } = {}) {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd,
      env,
      stdio: ['ignore', show ? 'inherit' : 'pipe', show ? 'inherit' : 'pipe'],
    });
    const chunks = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => chunks.push(chunk));
    const finish = (code) => resolve({ code, output: Buffer.concat(chunks).toString('utf8') });
    child.on('error', (error) => {
      chunks.push(Buffer.from(error.message));
      finish(127);
    });
    child.on('close', (code) => finish(code ?? 1));
  });
}

/** Like `run`, for a program that must succeed: its output is the error's text when it does not. */
export async function mustRun(file, args, { remedy, ...options }) {
  const { code, output } = await run(file, args, options);
  if (code === 0) return output;
  const shown = output.trim() === '' ? '' : `\n${output.trimEnd()}`;
  throw new StepError(`${[file.split('/').at(-1), ...args].join(' ')} ended with code ${code}.${shown}`, remedy);
}

/** The environment with the product's Node first on PATH, so that `node` means it everywhere below. */
export function withProductNode(node) {
  return { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}` };
}

export function hasProgram(name) {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => {
    const file = join(directory, name);
    try {
      accessSync(file, constants.X_OK);
      return statSync(file).isFile();
    } catch {
      return false;
    }
  });
}

export function isInstalled(name) {
  return existsSync(join(ROOT, 'node_modules', ...name.split('/'), 'package.json'));
}

/** Runs a script's `main` and turns its failure into one readable report and the exit code. */
export async function runMain(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    process.stderr.write(`\nerror ${error instanceof StepError ? error.message : (error?.stack ?? error)}\n`);
    if (error instanceof StepError && error.remedy) process.stderr.write(`  fix ${error.remedy}\n`);
    process.exitCode = 1;
  }
}
