import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { type Child, type ChildCommand, startChild } from './child.ts';
import { type ProcessId, signalProcess } from './process-id.ts';
import type { Ready } from './ready-line.ts';
import { createRestartPolicy, type RestartPolicy, type RestartPolicyOptions } from './restart-policy.ts';
import { openLog, type RotatingLog } from './rotating-log.ts';

/** A process that the supervisor keeps alive. */
export interface ProcessSpec {
  readonly name: string;
  readonly logFile: string;
  /** `previous` is what its predecessor announced, so that a port can be kept over a restart. */
  command(previous: Ready | undefined): ChildCommand;
  /** Runs each time it became ready. `earlier`: those before it in the list are ready; rejects when one of them did not start. */
  afterReady?(ready: Ready, earlier: Promise<unknown>): Promise<void>;
}

export const PROCESS_STATES = ['stopped', 'starting', 'up', 'restarting', 'boot-loop'] as const;
export interface ProcessStatus {
  readonly name: string;
  readonly state: (typeof PROCESS_STATES)[number];
  readonly pid: number | null;
  readonly restarts: number;
  readonly since: number;
  /** How it ended the last time, or why it does not start. */
  readonly lastExit: string | null;
}

export interface ManagedProcessDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly readyMs: number;
  readonly stopMs: number;
  readonly restart?: RestartPolicyOptions;
  /** Called whenever the set of living processes changes. */
  readonly onChange: () => void;
}

/** Starts one process, and starts it again whenever it dies, until it is stopped. */
export class ManagedProcess {
  readonly #spec: ProcessSpec;
  readonly #deps: ManagedProcessDeps;
  readonly #policy: RestartPolicy;
  #log: RotatingLog | undefined;
  #child: Child | undefined;
  #id: ProcessId | undefined;
  #ready: Ready | undefined;
  #stopping = new AbortController();
  #keeping: Promise<void> = Promise.resolve();
  #status: ProcessStatus;

  constructor(spec: ProcessSpec, deps: ManagedProcessDeps) {
    this.#spec = spec;
    this.#deps = deps;
    this.#policy = createRestartPolicy(deps.restart);
    this.#status = {
      name: spec.name,
      state: 'stopped',
      pid: null,
      restarts: 0,
      since: deps.clock.now(),
      lastExit: null,
    };
  }

  get status(): ProcessStatus {
    return this.#status;
  }
  get ready(): Ready | undefined {
    return this.#ready;
  }
  get id(): ProcessId | undefined {
    return this.#id;
  }

  /** Resolves when it is ready; rejects, without retrying, when this first start fails. */
  async start(earlier: Promise<unknown> = Promise.resolve()): Promise<Ready> {
    this.#stopping = new AbortController();
    this.#log ??= openLog(this.#spec.logFile);
    const child = await this.#launch(earlier);
    this.#keeping = this.#keepAlive(child, this.#stopping.signal);
    return child.ready;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    if (this.#child !== undefined) await this.#child.stop();
    else if (this.#id !== undefined) await signalProcess(this.#id, 'SIGTERM');
    await this.#keeping;
    this.#log?.[Symbol.dispose]();
    this.#log = undefined;
    this.#set({ state: 'stopped', pid: null });
  }

  async restart(): Promise<Ready> {
    await this.stop();
    return this.start();
  }

  async #launch(earlier: Promise<unknown> = Promise.resolve()): Promise<Child> {
    const log = this.#log;
    if (log === undefined) throw new HoldfastError('internal', `The ${this.#spec.name} was already stopped.`);
    this.#set({ state: 'starting' });
    const { name } = this.#spec;
    const { readyMs, stopMs } = this.#deps;
    try {
      const command = this.#spec.command(this.#ready);
      const child = await startChild({ name, command, log, readyMs, stopMs }, (id) => this.#born(id));
      this.#child = child;
      this.#ready = child.ready;
      await this.#spec.afterReady?.(child.ready, earlier);
      this.#set({ state: 'up' });
      return child;
    } catch (error) {
      await this.#child?.stop();
      this.#gone(HoldfastError.from(error).message);
      throw error;
    }
  }

  async #keepAlive(first: Child, signal: AbortSignal): Promise<void> {
    let child: Child | undefined = first;
    while (!signal.aborted) {
      if (child !== undefined) this.#gone(await child.exited);
      if (signal.aborted) return;
      const { delayMs, looping } = this.#policy.crashed(this.#deps.clock.now());
      this.#set({ state: looping ? 'boot-loop' : 'restarting', restarts: this.#status.restarts + 1 });
      this.#deps.logger.warn('process ended and is started again', { ...this.#status, delayMs });
      await this.#deps.clock.sleep(delayMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      child = await this.#launch().catch(() => undefined);
      if (signal.aborted) await child?.stop();
    }
  }

  #born(id: ProcessId): void {
    this.#id = id;
    this.#set({ pid: id.pid });
  }

  #gone(lastExit: string): void {
    this.#child = undefined;
    this.#id = undefined;
    this.#set({ state: 'restarting', pid: null, lastExit });
  }

  #set(change: Partial<ProcessStatus>): void {
    this.#status = { ...this.#status, ...change, since: this.#deps.clock.now() };
    this.#deps.onChange();
  }
}
