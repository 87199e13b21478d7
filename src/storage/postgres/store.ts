import { type Logger, silentLogger } from '../../base/logger.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { Migration, Row, Statement, StatementResult, Store } from '../store.ts';
import { WriteHealth } from '../write-health.ts';
import { fromPostgres } from './errors.ts';
import { Reader } from './reader.ts';
import { newIdentity, openSession } from './session.ts';
import { type PostgresTarget, placeOf } from './target.ts';
import { Writer } from './writer.ts';

export interface PostgresStoreOptions extends PostgresTarget {
  /** Every migration of every owner, in order; the list only grows at its end. */
  readonly migrations: readonly Migration[];
  readonly log?: Logger;
  /** Called once when writing starts to fail (disk full, server gone); again only after it had recovered. */
  readonly onFatal?: (error: HoldfastError) => void;
  /** Runs before a database that has something in it is migrated, with the name of the first pending migration. */
  readonly snapshot?: (firstPending: string) => Promise<void>;
  /** How long reads and writes wait for a server that went away before they fail. */
  readonly patienceMs?: number;
  /** How long to wait for another process to let go of the database. */
  readonly lockWaitMs?: number;
  readonly probeEveryMs?: number;
}

export interface PostgresStore extends Store {
  readonly dialect: 'postgres';
}

const PATIENCE_MS = 30_000;
const LOCK_WAIT_MS = 5_000;

/**
 * Opens a PostgreSQL database: takes its lock, migrates it. Refuses with `conflict` when another process writes it and
 * with `storage.corrupt` when it is newer than this program.
 *
 * A server that goes away and comes back (restart, fail-over) is waited for: units that were not committed are sent
 * again, one that was cut off at its commit is settled by what the server says. Only after `patienceMs` writes fail.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<PostgresStore> {
  const place = placeOf(options);
  const log = options.log ?? silentLogger;
  const target: PostgresTarget = { url: options.url, password: options.password };
  const { patienceMs = PATIENCE_MS, lockWaitMs = LOCK_WAIT_MS, snapshot } = options;
  const identity = newIdentity();
  const session = { target, lockWaitMs, identity };
  const migrations = options.migrations.map(({ name, postgres }) => ({ name, statements: postgres }));
  const opened = await openSession({ ...session, migrations, snapshot }).catch((error: unknown) => {
    throw fromPostgres(error, place);
  });
  if (opened.migrated.length > 0) log.info('database migrated', { place, migrated: opened.migrated });
  const health = new WriteHealth(place, { ...options, log });
  health.opened();
  const writer = new Writer({ ...session, patienceMs }, { health, client: opened.client });
  const reader = new Reader(target, { name: identity.id, patienceMs });
  return new OpenStore({ place, writer, reader, health });
}

interface Parts {
  readonly place: string;
  readonly writer: Writer;
  readonly reader: Reader;
  readonly health: WriteHealth;
}

class OpenStore implements PostgresStore {
  readonly dialect = 'postgres';
  readonly #parts: Parts;
  #closed: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async read(statement: Statement): Promise<readonly Row[]> {
    if (this.#closed) throw closed(this.#parts.place);
    return await this.#parts.reader.read(statement);
  }

  async write(unit: readonly Statement[]): Promise<readonly StatementResult[]> {
    if (this.#closed) throw closed(this.#parts.place);
    if (unit.length === 0) return [];
    const refused = this.#parts.health.refuse();
    if (refused) throw refused;
    return await this.#parts.writer.write(unit);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#parts.writer.close();
    await this.#parts.reader.close();
  }
}

function closed(place: string): HoldfastError {
  return new HoldfastError('storage.closed', `The database ${place} is closed.`);
}
