import type { Readable, Writable } from 'node:stream';
import type { SandboxLimits } from '../protocol/config.ts';

/**
 * The contract of an isolation tier. Nothing of ours runs inside a sandbox: a tool call is `spawn` of an ordinary
 * program. A sandbox without a running command has no process, but for one that `prepare` lets wait for the next.
 *
 * Contract: when a process ends, times out, is aborted or its sandbox is stopped, its whole tree is gone before `exit`
 * resolves. `spawn` never throws for what the program does; how it ended is in `exit`.
 */
export interface Launcher {
  readonly kind: 'bubblewrap' | 'docker' | 'microvm' | 'unsafe';
  /** Proves, by running a command, that sandboxes can be made here. Never throws. */
  probe(signal: AbortSignal): Promise<Probe>;
  /** Throws `sandbox.unavailable` with the remedy when the tier cannot be had. */
  create(spec: SandboxSpec): Promise<Sandbox>;
  /** Ends what a crashed host left behind; returns how many trees were ended. */
  sweep(): Promise<number>;
}

export interface Probe {
  readonly available: boolean;
  /** Why, in one sentence. */
  readonly reason: string;
  /** What to type when it is not available; empty otherwise. */
  readonly remedy: string;
  /** `kernel`: the kernel enforces it. `soft`: a watchdog does, after the fact. */
  readonly limits: Readonly<Record<'memory' | 'cpu' | 'processes' | 'fileSize' | 'wall', 'kernel' | 'soft'>>;
}

export interface Mount {
  /** Absolute path on the host, already resolved (no symlink left). */
  readonly source: string;
  /** Absolute path inside. Never under `/proc`, `/sys`, `/dev`, `/data` or `/tmp`. */
  readonly target: string;
  readonly mode: 'ro' | 'rw';
}

export interface SandboxSpec {
  /** Owner, for the sweep and for status: usually a run id. */
  readonly id: string;
  /** Host directory that is `/data` inside (read-write, the working directory). Made if missing. */
  readonly volume: string;
  readonly mounts: readonly Mount[];
  readonly limits: SandboxLimits;
  /** The whole environment inside, on top of PATH, HOME=/data, LANG and TMPDIR. Never a secret. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Absolute path of the sandbox's own socket of the vault, its one way out. Inside it is an HTTP proxy on loopback, and
   * the environment says so to ordinary programs. Absent: no network at all.
   */
  readonly egressSocket?: string;
  /** Absolute path of a file of certificates that the programs inside believe, in place of the system's. Only with a way out. */
  readonly trustFile?: string;
  /** Ports on loopback inside that lead through the way out to a place of the vault's. Only with a way out. */
  readonly forwards?: readonly Forward[];
}

export interface Forward {
  /** On loopback inside. */
  readonly port: number;
  /** A name that the vault knows; never a place of its own choice. */
  readonly host: string;
}

export interface Command {
  /** Program and arguments; never goes through a shell unless the caller names one. */
  readonly argv: readonly [string, ...string[]];
  /** Default `/data`. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the spec's `wallMs`. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface Exit {
  /** The first reason wins. `limit`: a resource limit ended it, see `limit`. */
  readonly reason: 'exited' | 'signalled' | 'timeout' | 'aborted' | 'limit' | 'failed-to-start';
  readonly code: number | null;
  readonly signal: string | null;
  readonly limit?: 'memory' | 'processes' | 'fileSize' | 'cpu';
  /** For people: `ran 12.3 s and was stopped at its limit of 12 s`. */
  readonly detail: string;
  readonly durationMs: number;
}

export interface SandboxProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exit: Promise<Exit>;
}

export interface Sandbox extends AsyncDisposable {
  readonly id: string;
  readonly launcher: Launcher['kind'];
  spawn(command: Command): SandboxProcess;
  /**
   * A command will come soon: what can be made before it is known is made now, and again after each command. What waits
   * that way is ended when none comes for a while. Has no effect where it brings nothing.
   */
  prepare?(): void;
  /** Ends every process in it; it may be used again. */
  stop(): Promise<void>;
}
