/**
 * The isolation tier that needs no daemon: every command is one bubblewrap with its own namespaces, no network, no
 * capability, a system call filter and limits. docs/sandbox.md says what it keeps out and what it does not.
 */
import { closeSync, constants, fchmodSync, fchownSync, fstatSync, openSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { HoldfastError } from '../../protocol/error.ts';
import { FORWARDER, FORWARDER_REMEDY, forwardWords } from '../egress.ts';
import type { Launcher, Sandbox, SandboxSpec } from '../launcher.ts';
import { createLimiter } from '../limiter.ts';
import { SANDBOX_ID, sandboxArguments } from './arguments.ts';
import { clearGround, commandName, type Ground, prepareGround, unavailable } from './ground.ts';
import { checkMounts } from './mounts.ts';
import { probeGround } from './probe.ts';
import { runCommand } from './process.ts';
import { findProgram } from './root-files.ts';
import { createSandbox } from './sandbox.ts';
import { createStandby } from './standby.ts';
import { sweepOrphans } from './sweep.ts';

export interface BubblewrapOptions {
  /** Root directory of the installation. Never visible inside, nor is anything around it. */
  readonly home: string;
  /** Private directory for small files of running sandboxes. */
  readonly scratch: string;
  /** Commands at once. Default 16. */
  readonly maxConcurrent?: number;
  /** `soft`: never use control groups. Default `auto`. */
  readonly limits?: 'auto' | 'soft';
  /** How long what was prepared waits for its command. Default 30 s. */
  readonly standbyMs?: number;
  /** Name of the program. Default `bwrap`. */
  readonly program?: string;
}

const DEFAULT_CONCURRENT = 16;

export function createBubblewrap(options: BubblewrapOptions): Launcher & AsyncDisposable {
  const limiter = createLimiter(options.maxConcurrent ?? DEFAULT_CONCURRENT);
  const home = resolve(options.home);
  let ground: Promise<Ground> | undefined;
  let disposed = false;

  /** A failed preparation is tried again: the user may have installed what was missing. */
  const getGround = (): Promise<Ground> => {
    if (disposed) throw new HoldfastError('sandbox.unavailable', 'This launcher was closed.');
    ground ??= prepareGround({
      ...{ home, scratch: options.scratch, program: options.program },
      limits: options.limits ?? 'auto',
    }).catch((error: unknown) => {
      ground = undefined;
      throw error;
    });
    return ground;
  };

  const create = async (spec: SandboxSpec): Promise<Sandbox> => {
    const prepared = await getGround();
    if (spec.egressSocket !== undefined) await requireForwarder();
    const mounts = await checkMounts(spec.mounts, { home, readsAsOther: prepared.isRoot });
    await prepareVolume(spec.volume, prepared.isRoot);
    const argumentFile = join(prepared.directory, `arguments-${commandName()}`);
    await writeFile(argumentFile, argumentBytes(prepared, spec), { mode: 0o600 });
    const { limits, egressSocket } = spec;
    const trustFile = egressSocket === undefined ? undefined : spec.trustFile;
    const forwards = egressSocket === undefined ? '' : forwardWords(spec.forwards ?? []);
    const place = { ground: prepared, argumentFile, mounts, limits, egressSocket, trustFile, forwards };
    const standby = createStandby(place, options.standbyMs);
    return createSandbox({
      ...{ id: spec.id, launcher: 'bubblewrap', wallMs: limits.wallMs, limiter },
      run: (command) => runCommand(place, command, standby.take(command)),
      prepare: standby.prepare,
      onStop: standby.end,
      onDispose: () => rm(argumentFile, { force: true }),
    });
  };

  return {
    kind: 'bubblewrap',
    probe: (signal) => probeGround(getGround, create, signal),
    create,
    sweep: () => sweepOrphans(home, options.scratch),
    [Symbol.asyncDispose]: async () => {
      disposed = true;
      const prepared = await ground?.catch(() => undefined);
      if (prepared) await clearGround(prepared);
    },
  };
}

function argumentBytes(ground: Ground, spec: SandboxSpec): string {
  const args = sandboxArguments({
    ...{ programs: ground.programs, etc: ground.etc, procEntries: ground.procEntries },
    ...{ volume: resolve(spec.volume), limits: spec.limits, mounts: spec.mounts, env: spec.env },
    hasEgress: spec.egressSocket !== undefined,
    hasTrust: spec.egressSocket !== undefined && spec.trustFile !== undefined,
    joinsUserNamespace: ground.userNamespace !== undefined,
  });
  const odd = args.find((arg) => arg.includes('\0'));
  if (odd !== undefined) throw new HoldfastError('bad-request', 'A sandbox spec holds a NUL byte.');
  return `${args.join('\0')}\0`;
}

/** A way out that was promised and cannot be had is refused, never left out in silence. */
async function requireForwarder(): Promise<void> {
  if ((await findProgram(FORWARDER)) === undefined)
    throw unavailable(`${FORWARDER}, which brings the network into it, is not installed`, FORWARDER_REMEDY);
}

/** Makes the volume and gives it to the sandbox's user, through a descriptor so that no link is followed. */
export async function prepareVolume(volume: string, isRoot: boolean): Promise<void> {
  await mkdir(volume, { recursive: true, mode: 0o700 });
  const descriptor = openSync(volume, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    if (!isRoot || fstatSync(descriptor).uid === SANDBOX_ID) return;
    fchownSync(descriptor, SANDBOX_ID, SANDBOX_ID);
    fchmodSync(descriptor, 0o700);
  } finally {
    closeSync(descriptor);
  }
}
