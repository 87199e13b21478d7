import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { type Logger, silentLogger } from '../../base/logger.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { Migration, Row, Statement, StatementResult, Store } from '../store.ts';
import { WriteHealth } from '../write-health.ts';
import { backupDatabase } from './backup.ts';
import { fromSqlite } from './errors.ts';
import { lockDatabase } from './file-lock.ts';
import { StatementCache } from './statement-cache.ts';
import { closed, Writer } from './writer.ts';

export interface SqliteStoreOptions {
  readonly path: string;
  /** Every migration of every owner, in order; the list only grows at its end. */
  readonly migrations: readonly Migration[];
  readonly log?: Logger;
  /** Called once when writing starts to fail (disk full, damaged file, writer gone); again only after it had recovered. */
  readonly onFatal?: (error: HoldfastError) => void;
  /** While writing fails one unit in so many milliseconds is let through to try. */
  readonly probeEveryMs?: number;
  /** For tests of the full disk. */
  readonly maxPages?: number;
}

export interface SqliteStore extends Store {
  readonly dialect: 'sqlite';
  /** A consistent copy while work goes on. Refuses an existing target. */
  backupTo(target: string): Promise<void>;
}

/**
 * Opens (or makes) a database: takes its lock, checks it, migrates it. Refuses with `conflict` when another process has
 * it and with `storage.corrupt` when it is damaged or newer than this program.
 *
 * Reads run on the calling thread over a read-only connection of their own. In WAL mode each sees every commit that was
 * done before it began, so whatever a resolved `write` wrote is there. Keep them to indexed reads: a scan stalls the loop.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  using cleanup = new DisposableStack();
  const lock = cleanup.use(lockDatabase(options.path));
  createPrivate(options.path);
  const log = options.log ?? silentLogger;
  const health = new WriteHealth(options.path, { ...options, log });
  const writer = new Writer(setupOf(options), health);
  const report = await writer.ready();
  if (report.migrated.length > 0) log.info('database migrated', { path: options.path, ...report });
  health.opened();
  try {
    const reader = new DatabaseSync(options.path, { readOnly: true, timeout: 5_000 });
    cleanup.move();
    return new OpenStore({ path: options.path, lock, writer, health, reader });
  } catch (error) {
    await writer.close();
    throw fromSqlite(error, options.path);
  }
}

function setupOf(options: SqliteStoreOptions): ConstructorParameters<typeof Writer>[0] {
  const migrations = options.migrations.map(({ name, sqlite }) => ({ name, statements: sqlite }));
  return { path: options.path, migrations, maxPages: options.maxPages };
}

/** The -wal and -shm files get the mode of the database file. */
function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, 'a', 0o600));
  } catch (error) {
    throw new HoldfastError('storage.read-only', `The database ${path} cannot be opened for writing.`, {
      remedy: 'Check that the file belongs to this user and is not on a read-only mount.',
      cause: error,
    });
  }
}

interface Parts {
  readonly path: string;
  readonly lock: Disposable;
  readonly writer: Writer;
  readonly health: WriteHealth;
  readonly reader: DatabaseSync;
}

class OpenStore implements SqliteStore {
  readonly dialect = 'sqlite';
  readonly #parts: Parts;
  readonly #statements: StatementCache;
  #closed: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#statements = new StatementCache(parts.reader);
  }

  async read(statement: Statement): Promise<readonly Row[]> {
    if (this.#closed) throw closed(this.#parts.path);
    try {
      return this.#statements.prepare(statement.sql).statement.all(...statement.parameters);
    } catch (error) {
      throw fromSqlite(error, this.#parts.path);
    }
  }

  write(unit: readonly Statement[]): Promise<readonly StatementResult[]> {
    if (this.#closed) return Promise.reject(closed(this.#parts.path));
    if (unit.length === 0) return Promise.resolve([]);
    const refused = this.#parts.health.refuse();
    return refused ? Promise.reject(refused) : this.#parts.writer.write(unit);
  }

  async backupTo(target: string): Promise<void> {
    if (this.#closed) throw closed(this.#parts.path);
    await backupDatabase(this.#parts.path, target);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    try {
      this.#parts.reader.close(); // First, so that the writer's close is the last one and folds the WAL into the file.
      await this.#parts.writer.close();
    } finally {
      this.#parts.lock[Symbol.dispose]();
    }
  }
}
