import type { BatchRequest, Unit } from './writer-protocol.ts';
import { encodeUnits } from './writer-protocol.ts';

const MOST = 2_000;

/** Numbers SQL texts so that each crosses to the writer thread once. */
export class SqlNumbers {
  readonly #numbers = new Map<string, number>();
  #fresh: string[] = [];
  #reset = false;

  encode(batch: readonly Unit[]): BatchRequest {
    if (this.#numbers.size > MOST) this.reset();
    const units = encodeUnits(batch, (sql) => this.#number(sql));
    const request: BatchRequest = { kind: 'batch', resetSql: this.#reset, newSql: this.#fresh, units };
    this.#fresh = [];
    this.#reset = false;
    return request;
  }

  reset(): void {
    this.#numbers.clear();
    this.#fresh = [];
    this.#reset = true;
  }

  #number(sql: string): number {
    const known = this.#numbers.get(sql);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    this.#numbers.set(sql, number);
    this.#fresh.push(sql);
    return number;
  }
}
