import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import { backoffMs } from '../../base/backoff.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { StatementResult } from '../store.ts';
import type { WriteHealth } from '../write-health.ts';
import { fromPostgres, isConnectionLoss, isEngineFailure } from './errors.ts';
import { markOf, reopenSession, type SessionOptions, type WriterIdentity } from './session.ts';
import { StatementNames } from './statement-names.ts';
import { placeOf } from './target.ts';
import { type Unit, type UnitOutcome, UnitWriter } from './unit-writer.ts';

const MOST_UNITS_PER_GROUP = 1_000;
/** A unit that ends the server's process each time it is sent must not do so for ever. */
const MOST_TRIES = 5;
const RECONNECT = { baseMs: 25, maxMs: 1_000 };

export interface WriterOptions extends SessionOptions {
  readonly identity: WriterIdentity;
  /** How long units wait for a connection that was lost before they fail. */
  readonly patienceMs: number;
}

interface PendingUnit {
  readonly unit: Unit;
  resolve(results: readonly StatementResult[]): void;
  reject(error: HoldfastError): void;
}

interface Live {
  readonly client: Client;
  readonly units: UnitWriter;
  /** The last group that took place, as the server said when the session was opened. */
  readonly lastGroup: number;
}

/**
 * The one writer of a database. Units that arrive while a commit is under way wait and become the next group.
 *
 * What must hold when the connection breaks: a group whose COMMIT was not sent has not taken place and is sent again on
 * the next connection; one whose COMMIT was sent is settled by asking the server, never by sending it again on a guess.
 * COMMIT is sent only after every answer of the group is here, so a group that took place also has its results.
 */
export class Writer {
  readonly #options: WriterOptions;
  readonly #health: WriteHealth;
  readonly #place: string;
  readonly #stop = new AbortController();
  #live: Live | undefined;
  #connecting: Promise<Live> | undefined;
  #lostAt = 0;
  #group = 0;
  #waiting: PendingUnit[] = [];
  #working: Promise<void> | undefined;
  #ended: HoldfastError | undefined;

  constructor(options: WriterOptions, deps: { readonly health: WriteHealth; readonly client: Client }) {
    this.#options = options;
    this.#health = deps.health;
    this.#place = placeOf(options.target);
    this.#live = this.#adopt(deps.client, 0);
  }

  write(unit: Unit): Promise<readonly StatementResult[]> {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ unit, resolve, reject });
      this.#working ??= Promise.resolve().then(() => this.#work());
    });
  }

  /** Commits what was given before, then ends the session. Without a server it fails what waits at once. */
  async close(): Promise<void> {
    if (this.#live === undefined) this.#stop.abort();
    const end = new HoldfastError('storage.closed', `The database ${this.#place} is closed.`);
    await this.#working;
    this.#ended ??= end;
    this.#stop.abort();
    await this.#connecting?.catch(() => undefined);
    await this.#live?.client.end();
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, MOST_UNITS_PER_GROUP);
      const outcomes = await this.#commit(group.map((pending) => pending.unit));
      for (const [index, pending] of group.entries()) this.#settle(pending, outcomes[index]);
    }
    this.#working = undefined;
  }

  #settle(pending: PendingUnit, outcome: UnitOutcome | undefined): void {
    if (outcome?.ok) {
      this.#health.committed();
      pending.resolve(outcome.results);
      return;
    }
    const error = outcome?.error ?? new HoldfastError('internal', 'The writer lost a unit.');
    if (outcome?.engine) this.#health.engineFailed(error);
    pending.reject(error);
  }

  async #commit(units: readonly Unit[]): Promise<readonly UnitOutcome[]> {
    this.#group += 1;
    for (let attempt = 1; ; attempt += 1) {
      const session = await this.#connected(this.#patience()).catch((error: unknown) => error);
      if (!isLive(session)) return this.#failAll(units, session);
      try {
        const outcomes = await session.units.prepare(units, markOf(this.#options.identity, this.#group));
        if (!outcomes.some((outcome) => outcome.ok)) return await this.#undo(session, outcomes);
        return await this.#finish(session, outcomes);
      } catch (error) {
        if (!isConnectionLoss(error)) return this.#failAll(units, error);
        this.#lose(session);
        if (error instanceof NotCommitted || attempt < MOST_TRIES) continue;
        return this.#failAll(units, error);
      }
    }
  }

  /** Nothing of the group stands; a transaction may still be open around it. */
  async #undo(session: Live, outcomes: readonly UnitOutcome[]): Promise<readonly UnitOutcome[]> {
    await session.client.query('ROLLBACK');
    return outcomes;
  }

  /** The point of no return. */
  async #finish(session: Live, outcomes: readonly UnitOutcome[]): Promise<readonly UnitOutcome[]> {
    const group = this.#group;
    try {
      const { command } = await session.client.query('COMMIT');
      if (command === 'COMMIT') return outcomes;
      throw new HoldfastError('internal', 'PostgreSQL undid a group that it had accepted.');
    } catch (error) {
      if (!isConnectionLoss(error)) throw error;
      this.#lose(session);
      // However long it takes: until the server has said it, nobody may be told either way.
      const { lastGroup } = await this.#connected(Number.POSITIVE_INFINITY).catch((cause: unknown) => {
        throw unknownOutcome(this.#place, cause);
      });
      if (lastGroup >= group) return outcomes;
      throw new NotCommitted();
    }
  }

  #failAll(units: readonly Unit[], thrown: unknown): readonly UnitOutcome[] {
    const error = fromPostgres(thrown, this.#place);
    const engine = isEngineFailure(thrown) || error.code === 'storage.unreachable';
    return units.map(() => ({ ok: false, error, engine }));
  }

  #patience(): number {
    return this.#lostAt === 0 ? this.#options.patienceMs : this.#lostAt + this.#options.patienceMs - performance.now();
  }

  async #connected(patienceMs: number): Promise<Live> {
    if (this.#ended) throw this.#ended;
    if (this.#live) return this.#live;
    const connecting = this.#reconnect();
    if (patienceMs === Number.POSITIVE_INFINITY) return await connecting;
    const timer = new AbortController();
    const outOfPatience = delay(Math.max(0, patienceMs), undefined, { signal: timer.signal }).then(() => {
      throw stillAway(this.#place);
    });
    outOfPatience.catch(() => undefined);
    return await Promise.race([connecting, outOfPatience]).finally(() => timer.abort());
  }

  #reconnect(): Promise<Live> {
    this.#connecting ??= this.#tryToReconnect().finally(() => {
      this.#connecting = undefined;
    });
    this.#connecting.catch(() => undefined);
    return this.#connecting;
  }

  async #tryToReconnect(): Promise<Live> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const { client, lastGroup, newest } = await reopenSession(this.#options);
        const live = this.#adopt(client, lastGroup);
        this.#live = live;
        this.#lostAt = 0;
        if (!newest) this.#ended = takenOver(this.#place);
        return live;
      } catch (thrown) {
        const error = fromPostgres(thrown, this.#place);
        if (performance.now() - this.#lostAt > this.#options.patienceMs) this.#health.engineFailed(error);
        if (await this.#stoppedWithin(backoffMs(attempt, RECONNECT))) throw stillAway(this.#place);
      }
    }
  }

  #stoppedWithin(ms: number): Promise<boolean> {
    return delay(ms, false, { signal: this.#stop.signal }).catch(() => true);
  }

  #adopt(client: Client, lastGroup: number): Live {
    const units = new UnitWriter(client, { place: this.#place, names: new StatementNames() });
    const live: Live = { client, units, lastGroup };
    client.once('end', () => {
      this.#lose(live);
      // At once, not with the next unit: whoever else waits for the lock must not get it for a hiccup of the network.
      if (!this.#stop.signal.aborted && this.#ended === undefined) void this.#reconnect();
    });
    return live;
  }

  #lose(session: Live): void {
    if (this.#live !== session) return;
    this.#live = undefined;
    this.#lostAt = performance.now();
    session.client.end().catch(() => undefined);
  }
}

/** The server said that a group whose COMMIT was cut off did not take place: it may be sent again. */
class NotCommitted extends Error {
  override readonly message = 'Connection terminated before the commit.';
}

function isLive(value: unknown): value is Live {
  return typeof value === 'object' && value !== null && 'units' in value;
}

function stillAway(place: string): HoldfastError {
  return new HoldfastError('storage.unreachable', `The database ${place} cannot be reached; nothing was changed.`, {
    remedy: 'Check that the server runs; work goes on by itself once it does.',
    retryable: true,
  });
}

function unknownOutcome(place: string, cause: unknown): HoldfastError {
  return new HoldfastError(
    'storage.unreachable',
    `The connection to ${place} broke at a commit, and it was closed before the server said whether that took place.`,
    { cause },
  );
}

function takenOver(place: string): HoldfastError {
  return new HoldfastError('conflict', `Another process has taken over ${place} while our connection was lost.`, {
    remedy: 'Stop the other one, then: holdfast restart',
  });
}
