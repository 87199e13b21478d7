import { Worker } from 'node:worker_threads';
import { processEntry } from '../../base/entry.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { StatementResult } from '../store.ts';
import { fromShape } from './errors.ts';
import { SqlNumbers } from './sql-numbers.ts';
import {
  decodeOutcomes,
  type Unit,
  type UnitFailure,
  type UnitOutcome,
  type WriterReply,
  type WriterRequest,
  type WriterSetup,
} from './writer-protocol.ts';

const MOST_UNITS_PER_GROUP = 1_000;

export interface WriterReport {
  readonly migrated: readonly string[];
  readonly snapshot: string | undefined;
}

/** Told about each unit that the database, not its guard or constraint, refused; and about each group that went through. */
export interface WriterHealth {
  engineFailed(error: HoldfastError): void;
  committed(): void;
}

interface PendingUnit {
  readonly unit: Unit;
  resolve(results: readonly StatementResult[]): void;
  reject(error: HoldfastError): void;
}

/**
 * This side of the writer thread. Units that arrive while a commit is under way wait and become the next group, so the
 * group grows by itself with the load and a lone unit never waits.
 */
export class Writer {
  readonly #worker: Worker;
  readonly #numbers = new SqlNumbers();
  readonly #health: WriterHealth;
  readonly #path: string;
  readonly #requests = new Int32Array(new SharedArrayBuffer(4));
  #waiting: PendingUnit[] = [];
  #underWay: PendingUnit[] = [];
  #scheduled = false;
  #closing = false;
  #ended: HoldfastError | undefined;
  #onIdle: (() => void) | undefined;
  readonly #ready = Promise.withResolvers<WriterReport>();
  readonly #exited = Promise.withResolvers<void>();

  constructor(setup: Omit<WriterSetup, 'requests'>, health: WriterHealth) {
    this.#health = health;
    this.#path = setup.path;
    this.#ready.promise.catch(() => {}); // Whoever awaits `ready` sees it; nobody has to.
    this.#worker = new Worker(processEntry(import.meta.url, './writer-thread'), {
      workerData: { ...setup, requests: this.#requests.buffer },
      execArgv: [], // Flags of the main program (--eval, --test …) are not meant for it.
    });
    this.#worker.on('message', (reply: WriterReply) => this.#receive(reply));
    this.#worker.on('error', (error) => this.#end(HoldfastError.from(error)));
    this.#worker.on('exit', () => {
      this.#end(new HoldfastError('storage.closed', `The writer of ${this.#path} has ended.`));
      this.#exited.resolve();
    });
  }

  ready(): Promise<WriterReport> {
    return this.#ready.promise;
  }

  write(unit: Unit): Promise<readonly StatementResult[]> {
    if (this.#closing || this.#ended) return Promise.reject(this.#ended ?? closed(this.#path));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ unit, resolve, reject });
      this.#schedule();
    });
  }

  /** Commits what was given before, then ends the thread. */
  async close(): Promise<void> {
    this.#closing = true;
    if (!this.#ended && (this.#waiting.length > 0 || this.#underWay.length > 0))
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    if (!this.#ended) this.#post({ kind: 'close' });
    await this.#exited.promise;
  }

  #schedule(): void {
    if (this.#scheduled || this.#underWay.length > 0) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#sendGroup();
    });
  }

  #sendGroup(): void {
    if (this.#waiting.length === 0 || this.#underWay.length > 0 || this.#ended) return;
    this.#underWay = this.#waiting.splice(0, MOST_UNITS_PER_GROUP);
    const request = this.#numbers.encode(this.#underWay.map((pending) => pending.unit));
    try {
      this.#post(request);
    } catch (error) {
      this.#numbers.reset();
      const failure = uncloneable(error);
      this.#settle((units) => units.map(() => ({ ok: false, ...failure })));
    }
  }

  #post(request: WriterRequest): void {
    this.#worker.postMessage(request);
    Atomics.add(this.#requests, 0, 1);
    Atomics.notify(this.#requests, 0);
  }

  #receive(reply: WriterReply): void {
    if (reply.kind === 'ready') this.#ready.resolve(reply);
    else if (reply.kind === 'refused') this.#end(fromShape(reply.error));
    else if (reply.kind === 'group') this.#settle((units) => decodeOutcomes(units, reply));
  }

  #settle(outcomesOf: (units: readonly Unit[]) => readonly UnitOutcome[]): void {
    const settled = this.#underWay;
    this.#underWay = [];
    if (this.#waiting.length > 0) this.#sendGroup();
    const outcomes = outcomesOf(settled.map((pending) => pending.unit));
    for (const [index, pending] of settled.entries()) this.#settleOne(pending, outcomes[index]);
    if (this.#waiting.length === 0 && this.#underWay.length === 0) this.#onIdle?.();
  }

  #settleOne(pending: PendingUnit, outcome: UnitOutcome | undefined): void {
    if (outcome?.ok) {
      this.#health.committed();
      pending.resolve(outcome.results);
      return;
    }
    const error = outcome ? fromShape(outcome.error) : new HoldfastError('internal', 'The writer lost a unit.');
    if (outcome?.engine) this.#health.engineFailed(error);
    pending.reject(error);
  }

  #end(error: HoldfastError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.#ready.reject(error);
    const lost = [...this.#underWay, ...this.#waiting];
    this.#underWay = [];
    this.#waiting = [];
    for (const pending of lost) pending.reject(error);
    if (!this.#closing) this.#health.engineFailed(error);
    this.#onIdle?.();
  }
}

export function closed(path: string): HoldfastError {
  return new HoldfastError('storage.closed', `The database ${path} is closed.`);
}

function uncloneable(error: unknown): UnitFailure {
  const message = `A statement has a parameter that is no SQL value: ${HoldfastError.from(error).message}`;
  return { engine: false, error: { code: 'bad-request', message } };
}
