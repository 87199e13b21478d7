import type { z } from 'zod';
import { HoldfastError } from '../../protocol/error.ts';

/** Validates at the edge; every problem is named with its path. */
export function parseWith<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`);
  throw new HoldfastError('bad-request', problems.join('; '));
}
