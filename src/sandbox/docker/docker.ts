/**
 * The isolation tier of a container engine, Docker's or one that speaks like it: every command has a container of its own,
 * prepared while the last one ran, with no network, no capability, a read-only root, the system call filter and limits.
 * docs/sandbox.md says what it keeps out and what it does not.
 */
import { lstatSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { HoldfastError } from '../../protocol/error.ts';
import { SANDBOX_ID } from '../bubblewrap/arguments.ts';
import { prepareVolume } from '../bubblewrap/bubblewrap.ts';
import { commandName, unavailable } from '../bubblewrap/ground.ts';
import { checkMounts } from '../bubblewrap/mounts.ts';
import { createSandbox } from '../bubblewrap/sandbox.ts';
import type { Launcher, Sandbox, SandboxSpec } from '../launcher.ts';
import { createLimiter } from '../limiter.ts';
import { ownUser } from '../process-table.ts';
import type { ContainerShape } from './container.ts';
import { type Ground, prepareGround } from './ground.ts';
import { requireImage, WORKER_IMAGE } from './image.ts';
import { createWarmPool } from './pool.ts';
import { probeEngine } from './probe.ts';
import { runInContainer } from './process.ts';
import { sweepContainers } from './sweep.ts';
import { type Identity, startContainer } from './warm.ts';

export interface DockerOptions {
  /** Root directory of the installation. Never visible inside, nor is anything around it. */
  readonly home: string;
  /** Private directory for small files of running sandboxes. */
  readonly scratch: string;
  /** Commands at once. Default 16. */
  readonly maxConcurrent?: number;
  /** Default: the first that exists of Docker's and Podman's usual ones. */
  readonly socketPath?: string;
  /** Default `holdfast-worker:latest`. */
  readonly image?: string;
  /** Default: the engine's own. */
  readonly runtime?: string;
  /** How long a prepared container waits for a command. Default 60 s. */
  readonly idleMs?: number;
}

const DEFAULT_CONCURRENT = 16;
const NETWORK_REMEDY =
  'Set sandbox.launcher to "bubblewrap", or take `egress` out of the worker template: without it a container runs.';
const DEFAULT_IDLE_MS = 60_000;

export function createDocker(options: DockerOptions): Launcher & AsyncDisposable {
  const limiter = createLimiter(options.maxConcurrent ?? DEFAULT_CONCURRENT);
  const home = resolve(options.home);
  const { scratch, socketPath, runtime } = options;
  const open = new Set<Sandbox>();
  let ground: Promise<Ground> | undefined;
  let disposed = false;

  /** A failed preparation is tried again: the user may have started what was not running. */
  const getGround = (): Promise<Ground> => {
    if (disposed) throw new HoldfastError('sandbox.unavailable', 'This launcher was closed.');
    ground ??= prepareGround({ home, scratch, socketPath }).catch((error: unknown) => {
      ground = undefined;
      throw error;
    });
    return ground;
  };

  const create = async (spec: SandboxSpec): Promise<Sandbox> => {
    // A way out that was promised and cannot be had is refused, never left out in silence.
    if (spec.egressSocket !== undefined)
      throw unavailable('the docker launcher does not bring the network in yet', NETWORK_REMEDY);
    const prepared = await getGround();
    const { engine, isRoot } = prepared;
    const { id: image, envNames } = await requireImage(engine, options.image ?? WORKER_IMAGE);
    const mounts = await checkMounts(spec.mounts, { home, readsAsOther: isRoot });
    await prepareVolume(spec.volume, isRoot);
    const shape = { ...shapeOf(prepared, spec), image, imageEnv: envNames, runtime };
    const places = [identityOf(shape.volume), ...mounts];
    const start = () => startContainer(engine, { name: `${prepared.token}-${commandName()}`, shape, places });
    const pool = createWarmPool(start, options.idleMs ?? DEFAULT_IDLE_MS);
    const sandbox = createSandbox({
      ...{ id: spec.id, launcher: 'docker', wallMs: spec.limits.wallMs, limiter },
      run: (command) => runInContainer({ pool, mounts, limits: spec.limits }, command),
      onStop: () => pool.drain(),
      onDispose: async () => void open.delete(sandbox),
    });
    open.add(sandbox);
    return sandbox;
  };

  return {
    kind: 'docker',
    probe: (signal) => probeEngine(getGround, create, { runtime, signal }),
    create,
    sweep: () => sweepContainers(home, socketPath),
    [Symbol.asyncDispose]: async () => {
      disposed = true;
      await Promise.all([...open].map((sandbox) => sandbox[Symbol.asyncDispose]()));
    },
  };
}

function shapeOf(
  { isRoot, token, profile }: Ground,
  { id, volume, mounts, limits, env }: SandboxSpec,
): Omit<ContainerShape, 'image' | 'imageEnv' | 'runtime'> {
  for (const [name, value] of Object.entries(env))
    if (`${name}${value}`.includes('\0')) throw new HoldfastError('bad-request', 'A sandbox spec holds a NUL byte.');
  // The files of a host that is not root belong to its user, and so must what a sandbox writes.
  const user = isRoot ? `${SANDBOX_ID}:${SANDBOX_ID}` : `${ownUser()}:${ownGroup()}`;
  return { user, token, profile, sandbox: id, volume: resolve(volume), mounts, limits, env };
}

function identityOf(volume: string): Identity {
  const { dev, ino } = lstatSync(volume);
  return { device: dev, inode: ino };
}

const ownGroup = (): number => statSync('/proc/self').gid;
