/** A sandbox's container as the engine is asked for it, as data. Pure. */
import type { SandboxLimits } from '../../protocol/config.ts';
import { PATH_INSIDE } from '../bubblewrap/arguments.ts';
import { CPU_PERIOD_US, cpuQuotaUs } from '../cgroup/limit-group.ts';
import type { Mount } from '../launcher.ts';
import type { DockerProfile } from '../seccomp/docker-profile.ts';
import { INIT } from './first.ts';

export const TOKEN_LABEL = 'io.holdfast.token';
export const SANDBOX_LABEL = 'io.holdfast.sandbox';

export interface ContainerShape {
  readonly image: string;
  /** Names of the image's own environment, none of which a command gets. */
  readonly imageEnv: readonly string[];
  /** `user:group`, never root. */
  readonly user: string;
  readonly token: string;
  readonly sandbox: string;
  readonly volume: string;
  readonly mounts: readonly Mount[];
  readonly limits: SandboxLimits;
  readonly env: Readonly<Record<string, string>>;
  readonly profile: DockerProfile;
  readonly runtime: string | undefined;
}

/** The engine's own start inside the container needs some threads; fewer than these and it fails. */
const FEWEST_PROCESSES = 16;
/** The shell that is the container's first process. */
const OUR_PROCESSES = 1;
const SHARED_MEMORY_BYTES = 67_108_864;

/** Beyond what engines cover by themselves: all of sysfs, and what of /proc is about the machine. */
const MASKED = [
  '/sys',
  ...['acpi', 'asound', 'interrupts', 'kallsyms', 'kcore', 'keys', 'kmsg', 'kpagecount', 'latency_stats'],
  ...['sched_debug', 'scsi', 'timer_list', 'timer_stats', 'sysrq-trigger'],
].map((name) => (name.startsWith('/') ? name : `/proc/${name}`));
const READ_ONLY = ['bus', 'fs', 'irq', 'sys'].map((name) => `/proc/${name}`);

/** Where identities are asked for, in order: the volume, then the mounts. */
export const placesOf = (mounts: readonly Mount[]): string[] => ['/data', ...mounts.map(({ target }) => target)];

export function containerBody(shape: ContainerShape): Record<string, unknown> {
  return {
    Image: shape.image,
    Entrypoint: INIT,
    Cmd: placesOf(shape.mounts),
    User: shape.user,
    WorkingDir: '/data',
    Hostname: 'sandbox',
    Env: environmentOf(shape),
    Labels: { [TOKEN_LABEL]: shape.token, [SANDBOX_LABEL]: shape.sandbox },
    Healthcheck: { Test: ['NONE'] },
    ...{ AttachStdin: true, AttachStdout: true, AttachStderr: true, OpenStdin: true, StdinOnce: true, Tty: false },
    HostConfig: { ...isolation(shape), ...bounds(shape.limits), ...files(shape) },
  };
}

/** A name without a value takes it away from what the image and the engine would set. */
function environmentOf({ env, imageEnv }: ContainerShape): string[] {
  const all: Record<string, string> = {
    ...{ PATH: PATH_INSIDE, HOME: '/data', LANG: 'C.UTF-8', TMPDIR: '/tmp' },
    ...env,
  };
  const removed = ['HOSTNAME', ...imageEnv].filter((name) => !Object.hasOwn(all, name));
  return [...Object.entries(all).map(([name, value]) => `${name}=${value}`), ...removed];
}

function isolation({ profile, runtime }: ContainerShape): Record<string, unknown> {
  return {
    ...{ ReadonlyRootfs: true, Privileged: false, CapAdd: [], CapDrop: ['ALL'] },
    SecurityOpt: ['no-new-privileges:true', `seccomp=${JSON.stringify(profile)}`],
    ...{ NetworkMode: 'none', IpcMode: 'private', CgroupnsMode: 'private', PidMode: '', UTSMode: '' },
    // Else the engine copies the host's resolv.conf, which names the networks it is in.
    ...{ Dns: ['127.0.0.1'], DnsSearch: ['.'] },
    ...{ MaskedPaths: MASKED, ReadonlyPaths: READ_ONLY, LogConfig: { Type: 'none', Config: {} } },
    ...(runtime === undefined ? {} : { Runtime: runtime }),
  };
}

function bounds(limits: SandboxLimits): Record<string, unknown> {
  const both = (name: string, value: number) => ({ Name: name, Soft: value, Hard: value });
  return {
    ...{ Memory: limits.memoryBytes, MemorySwap: limits.memoryBytes },
    ...{ CpuPeriod: CPU_PERIOD_US, CpuQuota: cpuQuotaUs(limits.cpus) },
    PidsLimit: Math.max(FEWEST_PROCESSES, limits.processes + OUR_PROCESSES),
    Ulimits: [both('core', 0), both('fsize', limits.fileSizeBytes), both('nofile', limits.openFiles)],
  };
}

function files({ volume, mounts, limits }: ContainerShape): Record<string, unknown> {
  const binds = [{ source: volume, target: '/data', mode: 'rw' } as const, ...mounts];
  return {
    Tmpfs: { '/tmp': `rw,exec,nosuid,nodev,mode=1777,size=${limits.tmpBytes}` },
    ShmSize: Math.min(SHARED_MEMORY_BYTES, limits.tmpBytes),
    Mounts: binds.map(({ source, target, mode }) => ({
      ...{ Type: 'bind', Source: source, Target: target, ReadOnly: mode === 'ro' },
      // What is mounted in it would stay writable.
      BindOptions: { Propagation: 'rprivate', ...(mode === 'ro' ? { NonRecursive: true } : {}) },
    })),
  };
}
