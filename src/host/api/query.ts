import { z } from 'zod';
import { MAX_LIST } from '../../protocol/api.ts';

export const IdParams = z.object({ id: z.string().min(1).max(200) });
export const OptionalId = z.string().min(1).max(200).optional();
export const limit = (fallback: number) => z.coerce.number().int().min(1).max(MAX_LIST).default(fallback);

/** Lists that `Control` does not bound itself. */
export function bounded<T>(items: readonly T[]): T[] {
  return items.slice(0, MAX_LIST);
}
