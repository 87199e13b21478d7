import type { Statement } from '../store.ts';
import type { WriterRequest } from './writer-protocol.ts';

const MOST = 2_000;

/** Numbers SQL texts so that each crosses to the writer thread once. */
export class SqlNumbers {
  readonly #numbers = new Map<string, number>();
  #fresh: string[] = [];
  #reset = false;

  encode(units: readonly (readonly Statement[])[]): WriterRequest {
    if (this.#numbers.size > MOST) this.reset();
    const encoded = units.map((unit) =>
      unit.map(({ sql, parameters, expectRows }) => ({ sql: this.#number(sql), parameters, expectRows })),
    );
    const request: WriterRequest = { kind: 'group', resetSql: this.#reset, newSql: this.#fresh, units: encoded };
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
