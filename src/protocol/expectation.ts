import { z } from 'zod';

/**
 * What must be true before a worker's "done" is believed. The host looks itself: at files and programs through the
 * worker's own sandbox, at addresses through the vault.
 */
export const Expectation = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('file'),
    /** As the worker sees it: under /data or /work. */
    path: z.string().regex(/^\/(?:data|work)\/(?!.*(?:^|\/)\.\.(?:\/|$))/, 'a path under /data or /work'),
    min_bytes: z.number().int().min(0).max(67_108_864).optional(),
    max_bytes: z.number().int().min(0).max(67_108_864).optional(),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'a SHA-256 in lower case hex')
      .optional(),
  }),
  z.strictObject({
    kind: z.literal('http'),
    url: z.url({ protocol: /^https?$/ }),
    status: z.number().int().min(100).max(599).default(200),
  }),
  z.strictObject({
    kind: z.literal('test'),
    command: z.string().min(1).max(10_000),
    exit_code: z.number().int().min(0).max(255).default(0),
  }),
]);
export type Expectation = z.infer<typeof Expectation>;
