import { HoldfastError } from '../../protocol/error.ts';
import type { Loose } from '../meters/meter.ts';

const LARGEST = 100_000_000;

export function modelField(body: Loose): string {
  const { model } = body;
  if (typeof model === 'string' && model !== '' && model.length <= 256) return model;
  throw new HoldfastError('bad-request', 'The request body has no field "model" with a model name.');
}

/** A positive whole number, `undefined` when absent or null. */
export function limitField(body: Loose, ...names: readonly string[]): number | undefined {
  for (const name of names) {
    const value = body[name];
    if (value === undefined || value === null) continue;
    if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= LARGEST) return value;
    throw new HoldfastError(
      'bad-request',
      `The field "${name}" is ${JSON.stringify(value)}; it must be a positive whole number.`,
    );
  }
  return undefined;
}

export function streamField(body: Loose): boolean {
  return body.stream === true;
}

/** True when any of these keys occurs at any depth. */
export function mentions(value: unknown, keys: ReadonlySet<string>): boolean {
  if (Array.isArray(value)) return value.some((item) => mentions(item, keys));
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([key, item]) => keys.has(key) || mentions(item, keys));
}
