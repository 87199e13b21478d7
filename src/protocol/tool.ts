import { z } from 'zod';
import { JsonValue } from './json.ts';
import { Label } from './label.ts';

/**
 * What a tool can do at worst. `control`: only rows of our own (plan, delegate, remember). `sandbox-*`: inside the
 * sandbox. `network`: leaves the machine through the vault. `message`: reaches a person.
 */
export const RISKS = ['control', 'sandbox-read', 'sandbox-write', 'sandbox-execute', 'network', 'message'] as const;
export const Risk = z.enum(RISKS);
export type Risk = z.infer<typeof Risk>;

/** The end of one tool call as the journal keeps it. `text` is what the model reads. */
export const ToolOutcome = z.object({
  status: z.enum(['ok', 'error', 'denied', 'skipped', 'unknown', 'cancelled']),
  text: z.string(),
  /** Structured form for the dashboard (exit code, file list …). */
  data: JsonValue.optional(),
  /** Content hash of the whole output when `text` is a shortened view of it. */
  blob: z.string().optional(),
  bytes: z.number().optional(),
  label: Label,
});
export type ToolOutcome = z.infer<typeof ToolOutcome>;

/** What the model is told of a tool. `inputSchema` is JSON Schema. */
export interface ToolDescription {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: Record<string, unknown>;
}
