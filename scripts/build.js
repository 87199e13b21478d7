/** Bundles the sources to `dist` and the dashboard to `web/dist`. Skips what is newer than everything it is made of. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { mustRun, productNode, ROOT, runMain, StepError, skip, step, withProductNode } from './steps.js';

const NOT_SOURCES = new Set(['node_modules', 'dist', '.cache']);
const TEST = /\.(test|conformance)\.tsx?$/;

export async function build({ force = false } = {}) {
  const node = productNode();
  if (node === undefined) throw new StepError('There is no Node 24 to build with.', 'npm run setup');
  await buildPart('Program', {
    force,
    stamp: join(ROOT, 'dist', '.built'),
    inputs: ['src', 'package.json', 'package-lock.json', 'scripts/bundle.js'],
    work: () => compile(node),
  });
  await buildPart('Dashboard', {
    force,
    stamp: join(ROOT, 'web', 'dist', '.built'),
    inputs: ['web', 'src/protocol', 'package-lock.json'],
    work: () => buildDashboard(node),
  });
}

/** The stamp holds a hash of every input, so that a build is skipped exactly when it would give the same again. */
async function buildPart(title, { force, stamp, inputs, work }) {
  const hash = hashOf(inputs);
  if (!force && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) {
    writeFileSync(stamp, hash); // Touched: the launcher compares its time with the sources'.
    return skip(title, 'up to date');
  }
  await step(`${title}: building`, async () => {
    const note = await work();
    mkdirSync(join(stamp, '..'), { recursive: true });
    writeFileSync(stamp, hash);
    return note;
  });
}

async function compile(node) {
  rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
  await mustRun(node, [join('scripts', 'bundle.js')], { remedy: 'Correct the source that the message names.' });
}

async function buildDashboard(node) {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'web', 'package.json'), 'utf8'));
  if (scripts?.build === undefined) return 'this version has none';
  await mustRun(node, [join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js'), 'build'], {
    cwd: join(ROOT, 'web'),
    env: withProductNode(node),
    remedy: 'Correct the source that vite names.',
  });
}

function hashOf(inputs) {
  const hash = createHash('sha256');
  for (const file of inputs.flatMap((name) => filesOf(join(ROOT, name)))) {
    hash.update(relative(ROOT, file)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

function filesOf(path) {
  if (!existsSync(path)) return [];
  let entries;
  try {
    entries = readdirSync(path, { withFileTypes: true });
  } catch {
    return [path]; // A file, not a directory.
  }
  return entries
    .filter((entry) => !NOT_SOURCES.has(entry.name) && !TEST.test(entry.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => (entry.isDirectory() ? filesOf(join(path, entry.name)) : [join(path, entry.name)]));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  await runMain(() => build({ force: process.argv.includes('--force') }));
