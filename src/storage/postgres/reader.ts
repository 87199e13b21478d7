import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'pg';
import { backoffMs } from '../../base/backoff.ts';
import type { Row, Statement } from '../store.ts';
import { fromPostgres, isConnectionLoss } from './errors.ts';
import { StatementNames } from './statement-names.ts';
import { connectionString, type PostgresTarget, placeOf } from './target.ts';
import { sqlTypes, toDriver } from './values.ts';

const CONNECTIONS = 4;
const CONNECT_MS = 10_000;
const RETRY = { baseMs: 25, maxMs: 1_000 };

/**
 * Reads over a few connections of their own that may not write. Each sees every commit that was acknowledged before it
 * began. A read that meets a lost connection is done again: it changes nothing.
 */
export class Reader {
  readonly #pool: Pool;
  readonly #place: string;
  readonly #patienceMs: number;
  readonly #names = new StatementNames();

  constructor(target: PostgresTarget, options: { readonly name: string; readonly patienceMs: number }) {
    this.#place = placeOf(target);
    this.#patienceMs = options.patienceMs;
    this.#pool = new Pool({
      connectionString: connectionString(target, '-c default_transaction_read_only=on'),
      application_name: `holdfast-reader ${options.name}`.slice(0, 63),
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
      max: CONNECTIONS,
      types: sqlTypes,
    });
    this.#pool.on('error', () => {}); // An idle connection went away; the next read opens another.
  }

  async read(statement: Statement): Promise<readonly Row[]> {
    const name = this.#names.nameOf(statement.sql);
    const query = {
      ...(name === undefined ? {} : { name }),
      text: statement.sql,
      values: statement.parameters.map(toDriver),
    };
    const deadline = performance.now() + this.#patienceMs;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return (await this.#pool.query<Row>(query)).rows;
      } catch (error) {
        if (!isConnectionLoss(error) || performance.now() > deadline) throw fromPostgres(error, this.#place);
        await delay(backoffMs(attempt, RETRY));
      }
    }
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}
