import { Worker } from 'node:worker_threads';
import { processEntry } from '../../base/entry.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { StatementResult } from '../store.ts';
import { fromShape } from './errors.ts';
import { SqlNumbers } from './sql-numbers.ts';
import {
  decodeOutcomes,
  type GroupReply,
  type Unit,
  type UnitOutcome,
  type WriterReply,
  type WriterRequest,
  type WriterSetup,
} from './writer-protocol.ts';

/** So many units are sent at once, so that the thread begins with them while the next are prepared. */
const BATCH = 16;

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
 * This side of the writer thread. Units are sent in small batches as they come. What arrives while the thread commits
 * becomes its next group, so the group grows by itself with the load and a lone unit never waits.
 */
export class Writer {
  readonly #worker: Worker;
  readonly #numbers = new SqlNumbers();
  readonly #health: WriterHealth;
  readonly #path: string;
  readonly #requests = new Int32Array(new SharedArrayBuffer(4));
  /** Not sent yet. */
  #waiting: PendingUnit[] = [];
  /** Sent and not answered, oldest first. */
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
      if (this.#waiting.length >= BATCH) this.#sendWaiting();
      else this.#schedule();
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
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#sendWaiting();
    });
  }

  #sendWaiting(): void {
    if (this.#waiting.length === 0 || this.#ended) return;
    const batch = this.#waiting;
    this.#waiting = [];
    this.#send(batch);
  }

  #send(batch: readonly PendingUnit[]): void {
    try {
      this.#post(this.#numbers.encode(batch.map((pending) => pending.unit)));
      this.#underWay.push(...batch);
    } catch (error) {
      this.#numbers.reset();
      if (batch.length > 1) for (const pending of batch) this.#send([pending]);
      else batch[0]?.reject(uncloneable(error));
      this.#tellIdle();
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
    else if (reply.kind === 'group') this.#settle(reply);
  }

  #settle(reply: GroupReply): void {
    const settled = this.#underWay.splice(0, reply.units);
    const units = settled.map((pending) => pending.unit);
    this.#settleFrom(0, settled, decodeOutcomes(units, reply));
  }

  /** A batch at a time, so that those who write again at once are sent while the others are still being told. */
  #settleFrom(first: number, settled: readonly PendingUnit[], outcomes: readonly UnitOutcome[]): void {
    const end = Math.min(first + BATCH, settled.length);
    for (let index = first; index < end; index += 1) this.#settleOne(settled[index], outcomes[index]);
    if (end < settled.length) queueMicrotask(() => this.#settleFrom(end, settled, outcomes));
    else this.#tellIdle();
  }

  #tellIdle(): void {
    if (this.#waiting.length === 0 && this.#underWay.length === 0) this.#onIdle?.();
  }

  #settleOne(pending: PendingUnit | undefined, outcome: UnitOutcome | undefined): void {
    if (outcome?.ok) {
      this.#health.committed();
      pending?.resolve(outcome.results);
      return;
    }
    const error = outcome ? fromShape(outcome.error) : new HoldfastError('internal', 'The writer lost a unit.');
    if (outcome?.engine) this.#health.engineFailed(error);
    pending?.reject(error);
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

function uncloneable(error: unknown): HoldfastError {
  const message = `A statement has a parameter that is no SQL value: ${HoldfastError.from(error).message}`;
  return new HoldfastError('bad-request', message);
}
