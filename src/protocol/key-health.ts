import { z } from 'zod';

/** Why a key of a provider is put aside: it pays no more, it is refused, it is asked too often, or the service fails. */
export const FAILURE_CLASSES = ['billing', 'auth', 'rate-limit', 'transient'] as const;
export const FailureClass = z.enum(FAILURE_CLASSES);
export type FailureClass = z.infer<typeof FailureClass>;

/** One key (by the name of its secret) that is put aside until `until` (Unix milliseconds), for one model or `*`, all. */
export const KeyHealthView = z.object({
  provider: z.string(),
  key: z.string(),
  model: z.string(),
  class: FailureClass,
  until: z.number(),
  reason: z.string(),
});
export type KeyHealthView = z.infer<typeof KeyHealthView>;

/** `GET /model-health?model=<provider>/<model>&model=…` (host): when each may be tried, 0: now; `null`: not set up. */
export const ModelHealth = z.object({
  models: z.array(z.object({ model: z.string(), readyAt: z.number().nullable() })),
  keys: z.array(KeyHealthView),
});
export type ModelHealth = z.infer<typeof ModelHealth>;

/** Keys that one provider may have: `provider.<id>`, `provider.<id>.2` … */
export const MOST_KEYS = 9;
