import { types } from 'pg';
import { HoldfastError } from '../../protocol/error.ts';
import type { SqlValue } from '../store.ts';

/**
 * PostgreSQL's values as `SqlValue`s, as SQLite would give them: a whole number is a number while it is safe and a bigint
 * beyond, a boolean is 0 or 1, bytes are bytes, and everything else is its text.
 */
type Parse = (text: string) => SqlValue;

const wholeNumber: Parse = (text) => {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
};

const decimal: Parse = (text) => (/^-?\d+$/.test(text) ? wholeNumber(text) : Number(text));

const bytes: Parse = (text) => Uint8Array.from(Buffer.from(text.slice(2), 'hex'));

const PARSERS: ReadonlyMap<number, Parse> = new Map<number, Parse>([
  [types.builtins.INT2, Number],
  [types.builtins.INT4, Number],
  [types.builtins.INT8, wholeNumber],
  [types.builtins.OID, Number],
  [types.builtins.FLOAT4, Number],
  [types.builtins.FLOAT8, Number],
  [types.builtins.NUMERIC, decimal],
  [types.builtins.BOOL, (text) => (text === 't' ? 1 : 0)],
  [types.builtins.BYTEA, bytes],
]);

const text: Parse = (value) => value;

export const sqlTypes = { getTypeParser: (oid: number): Parse => PARSERS.get(oid) ?? text };

/** What goes to the driver. It would turn anything else into text of its own. */
export function toDriver(value: SqlValue): string | number | bigint | null | Buffer {
  if (value === null || typeof value === 'string' || typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  throw new HoldfastError('bad-request', `A statement has a parameter that is no SQL value: ${typeof value}.`);
}
