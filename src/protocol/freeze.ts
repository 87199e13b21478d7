import { z } from 'zod';
import { AgentId } from './ids.ts';

/**
 * The kill switch, in the vault. `PUT /freeze` works on both sockets, since it only takes away: model calls are refused and
 * those under way are cut, every way out of a sandbox is shut, and no credential is used. `DELETE /freeze` is the
 * owner's alone. `GET /freeze` tells both what is frozen.
 */
export const FreezeScope = z.union([z.literal('*'), AgentId]);

export const FreezeRequest = z.strictObject({
  /** `*` = everything. */
  agent: FreezeScope.default('*'),
  reason: z.string().min(1).max(500),
});
export type FreezeRequest = z.infer<typeof FreezeRequest>;

export const FreezeView = z.object({
  agent: z.string(),
  reason: z.string(),
  /** Who asked: the owner, the host, or the vault itself when a canary came by. */
  source: z.enum(['owner', 'host', 'canary']),
  at: z.number(),
});
export type FreezeView = z.infer<typeof FreezeView>;

export const FreezeList = z.object({ frozen: z.array(FreezeView) });
export type FreezeList = z.infer<typeof FreezeList>;
