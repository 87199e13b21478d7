import { z } from 'zod';

/**
 * Checks as strictly as `schema`, but is described to a model as an object in words: a large schema in a tool costs its
 * whole text with every message, and what does not fit is told by name all the same.
 */
export function described<T>(schema: z.ZodType<T>, description: string) {
  return z
    .record(z.string(), z.unknown())
    .describe(description)
    .transform((value, context): T => {
      const parsed = schema.safeParse(value);
      if (parsed.success) return parsed.data;
      for (const issue of parsed.error.issues)
        context.issues.push({ code: 'custom', message: issue.message, path: [...issue.path], input: value });
      return z.NEVER;
    });
}
