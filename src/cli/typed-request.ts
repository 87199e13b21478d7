import type { Home } from '../base/home.ts';
import { HoldfastError } from '../protocol/error.ts';
import { type ApiRequest, request } from './api-request.ts';

/** A schema of `src/protocol`. */
export interface Shape<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: Error };
}

/** One call of the host's API over its unix socket, the reply checked against its schema. */
export async function askHost<T>(home: Home, schema: Shape<T>, options: ApiRequest): Promise<T> {
  const body = await request({ socketPath: home.hostSocket }, options);
  const parsed = schema.safeParse(JSON.parse(body.toString('utf8')));
  if (parsed.success) return parsed.data;
  throw new HoldfastError('internal', `The host's reply to ${options.path} has a shape this program does not know.`, {
    remedy: 'The host and this program may be of different versions: `holdfast restart`.',
    cause: parsed.error,
  });
}

export function queryOf(values: Readonly<Record<string, string | number | undefined>>): string {
  const pairs = Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`],
  );
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}
