import type { Client, QueryResult } from 'pg';
import type { HoldfastError } from '../../protocol/error.ts';
import { guardFailed } from '../guard-failed.ts';
import type { Row, Statement, StatementResult } from '../store.ts';
import { concernsAll, fromPostgres, isConnectionLoss, isEngineFailure } from './errors.ts';
import type { StatementNames } from './statement-names.ts';
import { toDriver } from './values.ts';

export type Unit = readonly Statement[];
export type UnitOutcome =
  | { readonly ok: true; readonly results: readonly StatementResult[] }
  | { readonly ok: false; readonly error: HoldfastError; readonly engine: boolean };

type Attempt =
  | { readonly ok: true; readonly outcomes: readonly UnitOutcome[] }
  | { readonly ok: false; readonly failure: unknown };

/**
 * Puts a group of units into one open transaction, ready to be committed.
 *
 * What must hold: a unit is whole or absent, and its failure touches no other unit. The group is sent at once, without
 * waiting for one answer before the next statement. When anything in it fails, it is undone and each half is tried in a
 * savepoint of its own, and so on: only the guilty units fail, at a cost that grows with their number and not with the
 * group's. Deferred constraints are checked with the part that they belong to, so that COMMIT itself cannot meet them.
 */
export class UnitWriter {
  readonly #client: Client;
  readonly #place: string;
  readonly #names: StatementNames;

  constructor(client: Client, deps: { readonly place: string; readonly names: StatementNames }) {
    this.#client = client;
    this.#place = deps.place;
    this.#names = deps.names;
  }

  /** Throws only when the connection is lost; then nothing was committed. `mark` is part of the transaction. */
  async prepare(units: readonly Unit[], mark: Statement): Promise<readonly UnitOutcome[]> {
    const whole = await this.#attempt([...units, [mark]], ['BEGIN']);
    if (whole.ok) return whole.outcomes.slice(0, -1);
    await this.#client.query('ROLLBACK');
    if (units.length === 1 || concernsAll(whole.failure)) return units.map(() => this.#failed(whole.failure));
    await this.#client.query('BEGIN');
    const outcomes = await this.#halves(units);
    const marked = await this.#attempt([[mark]], []);
    if (marked.ok) return outcomes;
    await this.#client.query('ROLLBACK');
    return units.map(() => this.#failed(marked.failure));
  }

  async #halves(units: readonly Unit[]): Promise<readonly UnitOutcome[]> {
    const middle = Math.ceil(units.length / 2);
    return [...(await this.#part(units.slice(0, middle))), ...(await this.#part(units.slice(middle)))];
  }

  async #part(units: readonly Unit[]): Promise<readonly UnitOutcome[]> {
    const attempt = await this.#attempt(units, ['SAVEPOINT unit', 'SET CONSTRAINTS ALL DEFERRED']);
    await this.#client.query(attempt.ok ? 'RELEASE unit' : 'ROLLBACK TO unit; RELEASE unit');
    if (attempt.ok) return attempt.outcomes;
    return units.length === 1 ? [this.#failed(attempt.failure)] : await this.#halves(units);
  }

  async #attempt(units: readonly Unit[], before: readonly string[]): Promise<Attempt> {
    const { stream } = this.#client.connection;
    stream.cork(); // The driver writes to the socket query by query; one write for all of them is a third faster.
    const sent = [
      ...before.map((sql) => this.#client.query(sql)),
      ...units.flatMap((unit) => unit.map((statement) => this.#send(statement))),
      this.#client.query('SET CONSTRAINTS ALL IMMEDIATE'),
    ];
    stream.uncork();
    const answers = await Promise.allSettled(sent);
    const lost = answers.find((answer) => answer.status === 'rejected' && isConnectionLoss(answer.reason));
    if (lost?.status === 'rejected') throw lost.reason;
    return collect(units, answers, before.length);
  }

  async #send(statement: Statement): Promise<QueryResult<Row>> {
    const name = this.#names.nameOf(statement.sql);
    return await this.#client.query<Row>({
      ...(name === undefined ? {} : { name }),
      text: statement.sql,
      values: statement.parameters.map(toDriver),
    });
  }

  #failed(error: unknown): UnitOutcome {
    return { ok: false, error: fromPostgres(error, this.#place), engine: isEngineFailure(error) };
  }
}

const NO_ROWS: readonly Row[] = [];

/** The driver answers a text without parameters that holds several statements with a list; the last one counts. */
function toResult(answer: QueryResult<Row> | readonly QueryResult<Row>[]): StatementResult {
  const result = 'rows' in answer ? answer : answer.at(-1);
  return { rows: result?.rows ?? NO_ROWS, changes: result?.rowCount ?? 0 };
}

type Answer = PromiseSettledResult<QueryResult<Row>>;

/** In the order of the statements, so that the first thing that went wrong is what is told: the rest only follows from it. */
function collect(units: readonly Unit[], answers: readonly Answer[], first: number): Attempt {
  const outcomes: UnitOutcome[] = [];
  let next = first;
  for (const unit of units) {
    const results: StatementResult[] = [];
    for (const statement of unit) {
      const answer = answers[next++];
      if (answer?.status !== 'fulfilled') return { ok: false, failure: answer?.reason };
      const result = toResult(answer.value);
      if (statement.expectRows !== undefined && result.changes !== statement.expectRows)
        return { ok: false, failure: guardFailed(statement, result.changes) };
      results.push(result);
    }
    outcomes.push({ ok: true, results });
  }
  const refused = answers.find((answer) => answer.status === 'rejected');
  return refused?.status === 'rejected' ? { ok: false, failure: refused.reason } : { ok: true, outcomes };
}
