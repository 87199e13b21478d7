import { z } from 'zod';

/**
 * `POST /scan` (host): takes every secret of the vault out of texts, which the host does not know. A message is one or more
 * texts that somebody sees together: a value that was cut over them is found. `null` = nothing was found, keep yours.
 *
 * `outbound`: the texts are about to leave to a person or a service; a canary in them freezes the agent.
 */
export const MOST_MESSAGES = 64;
export const MESSAGE_CHARS = 4_194_304;
export const SCAN_BODY_BYTES = 33_554_432;

export const ScanRequest = z.strictObject({
  agent: z.string().optional(),
  outbound: z.boolean().default(false),
  messages: z.array(z.array(z.string()).max(10_000)).min(1).max(MOST_MESSAGES),
});
export type ScanRequest = z.infer<typeof ScanRequest>;

export const ScanResult = z.object({
  messages: z.array(z.array(z.string()).nullable()),
  found: z.number(),
});
export type ScanResult = z.infer<typeof ScanResult>;

/** `GET /canaries/:agent` (host): what to lay out where the agent's programs run. Good for nothing but to be noticed. */
export const CanaryFile = z.object({ text: z.string() });
