#!/usr/bin/env node
/**
 * The launcher. Plain CommonJS that any Node from 20 on can read: answers what needs no product code by itself
 * (help, version, `status --json`), finds a Node that can run the product, and loads the built command line, or the
 * sources when there is no fresh build. Nothing here may require anything heavy: it is what every command pays.
 */
const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.join(__dirname, '..');
const NEEDED = [24, 11];
const GUARD = 'HOLDFAST_LAUNCHED';

main(process.argv.slice(2));

function main(args) {
  const command = args[0];
  if (args.length === 0 || command === '--help' || command === '-h' || (command === 'help' && args.length === 1)) {
    return print(fs.readFileSync(path.join(__dirname, 'usage.txt'), 'utf8'));
  }
  if (args.length === 1 && (command === 'version' || command === '--version')) return print(`${version()}\n`);
  if (command === 'status') {
    const fast = require('./status.js');
    const home = fast.homeOf(args.slice(1), process.env);
    if (home !== undefined) return fast.run(home);
  }
  return isNewEnough(process.versions.node) ? load() : reExecute(args);
}

function print(text) {
  fs.writeSync(1, text);
}

function version() {
  return JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')).version;
}

function isNewEnough(found) {
  const [major, minor] = found.split('.').map(Number);
  return major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1]);
}

function load() {
  const { built, entry } = require('./entry.js').findEntry(ROOT);
  delete process.env[GUARD];
  if (built) require('node:module').enableCompileCache(path.join(ROOT, 'dist', '.cache'));
  import(require('node:url').pathToFileURL(entry).href).catch((error) => {
    fs.writeSync(2, `holdfast: could not be loaded: ${error?.message}\nRemedy: npm run setup\n`);
    process.exitCode = 1;
  });
}

/** Runs the same command under the Node that the lock file brought; signals and the exit code pass through. */
function reExecute(args) {
  const node = require('./entry.js').findNode(ROOT);
  if (node === undefined || process.env[GUARD] === '1') {
    fs.writeSync(
      2,
      `holdfast: needs Node ${NEEDED.join('.')} or newer, this is ${process.versions.node}.\n` +
        `Remedy: run \`npm run setup\` in ${ROOT} (it brings its own Node), or install Node 24 from nodejs.org.\n`,
    );
    process.exitCode = 1;
    return;
  }
  const child = require('node:child_process').spawn(node, [__filename, ...args], {
    stdio: 'inherit',
    env: { ...process.env, [GUARD]: '1' },
  });
  // A terminal sends Ctrl-C to both of us: the child decides, and passing it on would count twice.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    fs.writeSync(2, `holdfast: ${node} does not start: ${error.message}\nRemedy: npm run setup\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code === null ? 1 : code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
