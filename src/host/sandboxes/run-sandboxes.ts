import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentSandbox } from '../../protocol/agent.ts';
import type { SandboxLimits } from '../../protocol/config.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import type { Launcher, Probe, Sandbox } from '../../sandbox/launcher.ts';
import type { Folder } from '../runs/spec.ts';
import type { Decoys } from './decoy.ts';
import type { EgressDoors } from './egress-doors.ts';
import { forwardEnvironment } from './forward-environment.ts';
import { modelEnvironment } from './model-environment.ts';
import type { TrustFiles } from './trust-files.ts';

/**
 * One sandbox per run, made on first use and gone when the run is over. Its volume is the run's own and goes with it, or
 * an agent's and stays. A worker that waits for its parent's answer keeps both.
 */
export interface RunSandboxes extends AsyncDisposable {
  of(run: SandboxedRun): Promise<Sandbox>;
  /** What a run's tool call came to, with what its sandbox was refused on the network. */
  annotate(runId: string, outcome: ToolOutcome): Promise<ToolOutcome>;
  /** What a worker's sandbox would reach, as text for people; empty: no network. */
  reach(agentId: string, places: readonly string[] | undefined): Promise<readonly string[]>;
  release(runId: string): Promise<void>;
  /** Ends the sandbox and its way out and keeps the volume: a run that goes on later gets a new one on it. */
  stop(runId: string): Promise<void>;
  /** Removes the volumes that a crash left behind: all but those of runs that may still go on, and of agents. */
  sweepVolumes(keep: ReadonlySet<string>): Promise<void>;
  /** Removes a volume for good: of an agent that is gone. */
  removeVolume(name: string): Promise<void>;
  /** What the launcher proved when the host started; undefined while it is still being proved. */
  readonly probe: Probe | undefined;
  readonly launcher: string;
}

export interface SandboxedRun {
  readonly runId: string;
  readonly agentId: string;
  readonly folders: readonly Folder[];
  /** Places that its sandbox may reach where the owner allowed them; absent: no network. */
  readonly egress?: readonly string[] | undefined;
  /** A volume that stays when the run is over; absent: one of its own. */
  readonly volume?: string | undefined;
  /** Limits below the deployment's; a higher one does not count. */
  readonly sandbox?: Omit<AgentSandbox, 'egress'> | undefined;
}

export interface RunSandboxesDeps {
  readonly launcher: Launcher;
  /** The proof may still be under way: whoever needs a sandbox waits for it. */
  readonly probe: Probe | Promise<Probe>;
  /** Folder of all volumes. */
  readonly volumes: string;
  readonly limits: SandboxLimits;
  readonly doors: EgressDoors;
  /** Lays out what only a thief would take. */
  readonly decoys?: Decoys | undefined;
  /** Needed where the vault looks into https. */
  readonly trust?: TrustFiles;
}

const AGENT_PREFIX = 'agent-';

export function createRunSandboxes(deps: RunSandboxesDeps): RunSandboxes {
  const open = new Map<string, Promise<Sandbox>>();
  let proved = 'available' in deps.probe ? deps.probe : undefined;
  void Promise.resolve(deps.probe).then((probe) => {
    proved = probe;
  });
  const folderOf = (name: string): string => join(deps.volumes, name);

  const create = async (run: SandboxedRun): Promise<Sandbox> => {
    const probe = await deps.probe;
    if (!probe.available)
      throw new HoldfastError('sandbox.unavailable', `No sandbox: ${probe.reason}`, { remedy: probe.remedy });
    const places = run.egress;
    const door = places === undefined ? undefined : await deps.doors.open({ ...run, places });
    const trustFile = door?.authority === undefined ? undefined : await deps.trust?.fileFor(door.authority);
    const volume = folderOf(run.volume ?? run.runId);
    await deps.decoys?.lay(volume, run.agentId);
    return await deps.launcher.create({
      id: run.runId,
      volume,
      mounts: run.folders.map((folder) => ({ source: folder.path, target: folder.target, mode: folder.mode })),
      limits: lowered(deps.limits, run.sandbox ?? {}),
      env: door === undefined ? {} : { ...forwardEnvironment(door), ...modelEnvironment(door) },
      ...(door === undefined ? {} : { egressSocket: door.socketPath }),
      ...(door?.forwards === undefined ? {} : { forwards: door.forwards.map(({ port, host }) => ({ port, host })) }),
      ...(trustFile === undefined ? {} : { trustFile }),
    });
  };

  const close = async (runId: string): Promise<void> => {
    const sandbox = await open.get(runId)?.catch(() => undefined);
    open.delete(runId);
    await sandbox?.[Symbol.asyncDispose]();
  };

  return {
    get probe() {
      return proved;
    },
    get launcher() {
      return deps.launcher.kind;
    },
    annotate: deps.doors.annotate,
    reach: deps.doors.reach,
    async of(run) {
      const known = open.get(run.runId);
      if (known !== undefined) return await known;
      const made = create(run);
      open.set(run.runId, made);
      // A failed start may be tried again by the next call.
      made.then(
        (sandbox) => sandbox.prepare?.(),
        () => open.delete(run.runId),
      );
      return await made;
    },
    stop: async (runId) => void (await Promise.all([close(runId), deps.doors.close(runId)])),
    async release(runId) {
      await close(runId);
      await deps.doors.close(runId);
      await rm(folderOf(runId), { recursive: true, force: true });
    },
    async sweepVolumes(keep) {
      const left = await readdir(deps.volumes).catch(() => []);
      await Promise.all(
        left
          .filter((name) => !name.startsWith(AGENT_PREFIX) && !keep.has(name))
          .map((name) => rm(folderOf(name), { recursive: true, force: true })),
      );
    },
    async removeVolume(name) {
      const all = await readdir(deps.volumes).catch(() => []);
      const own = all.filter((one) => one === name || one.startsWith(`${name}.`));
      await Promise.all(own.map((one) => rm(folderOf(one), { recursive: true, force: true })));
    },
    async [Symbol.asyncDispose]() {
      await deps.probe;
      await Promise.all([...open.keys()].map(close));
    },
  };
}

/** The lower of two limits counts, so that an agent's own can never widen the deployment's. */
function lowered(limits: SandboxLimits, own: Omit<AgentSandbox, 'egress'>): SandboxLimits {
  const least = (name: keyof typeof own): number => Math.min(limits[name], own[name] ?? limits[name]);
  return {
    ...limits,
    memoryBytes: least('memoryBytes'),
    cpus: least('cpus'),
    processes: least('processes'),
    fileSizeBytes: least('fileSizeBytes'),
    wallMs: least('wallMs'),
  };
}
