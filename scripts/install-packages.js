/** Brings `node_modules` to exactly what the lock file says, the newer Node included. */
import { lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { productNode, ROOT, run, StepError, say, skip, step } from './steps.js';

const TITLE = 'Packages';
const TRIES = 3;
const OFFLINE = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|network|ERR_SOCKET_TIMEOUT/i;

export async function installPackages() {
  if (isUpToDate()) skip(TITLE, 'as in the lock file');
  else await step(`${TITLE}: installing what the lock file names`, install);
  if (productNode() === undefined)
    throw new StepError(
      `Holdfast needs Node 24.11 or newer; this is ${process.versions.node}, and npm has no newer one for ${process.platform} ${process.arch}.`,
      'Install Node 24 from nodejs.org, then run this again.',
    );
}

async function install() {
  if (isLink(join(ROOT, 'node_modules')))
    throw new StepError(
      'node_modules is a link to another directory and does not match the lock file; it is left alone.',
      'Remove the link, or run `npm ci` where it points to.',
    );
  for (let attempt = 1; ; attempt += 1) {
    const { code, output } = await run(...npm(['ci', '--include=dev', '--include=optional', '--loglevel=error']));
    if (code === 0) return undefined;
    const offline = OFFLINE.test(output);
    if (!offline || attempt === TRIES) throw failure(code, output, offline);
    say(`  … the registry did not answer; try ${attempt + 1} of ${TRIES}`);
    await delay(attempt * 3_000);
  }
}

function failure(code, output, offline) {
  const shown = output.trim().split('\n').slice(-15).join('\n');
  if (!offline)
    return new StepError(
      `npm ci ended with code ${code}.\n${shown}`,
      'Correct what npm names above, then run this again.',
    );
  return new StepError(
    `The npm registry cannot be reached.\n${shown}`,
    'Check the network (or `npm config get registry` and your proxy), then run this again; nothing is lost.',
  );
}

/** npm as the one that runs us, else the one on PATH. */
function npm(args) {
  const script = process.env.npm_execpath;
  return script?.endsWith('.js') ? [process.execPath, [script, ...args]] : ['npm', args];
}

/** npm notes what it installed; every package of the lock file for this platform must be there in that version. */
function isUpToDate() {
  const wanted = readPackages(join(ROOT, 'package-lock.json'));
  const found = readPackages(join(ROOT, 'node_modules', '.package-lock.json'));
  if (wanted === undefined || found === undefined) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.startsWith('node_modules/') || entry.link || entry.optional) return true;
    return found[path]?.version === entry.version;
  });
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

function isLink(path) {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}
