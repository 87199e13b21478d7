import { z } from 'zod';
import { Permissions } from './permission.ts';

/** `GET /api/policy/explain`: what to explain. */
export const ExplainQuery = z.object({
  /** An agent, or a worker of its: `operator/writer`. */
  agent: z.string().min(1).max(200),
  /** A tool by name, or any word: then only what it touches is judged. */
  action: z.string().min(1).max(200),
  /** An address, a folder or `<kind>[.<act>]:<name>`. */
  resource: z.string().min(1).max(4_000).optional(),
});
export type ExplainQuery = z.infer<typeof ExplainQuery>;

/** `GET /api/policy/agents/{id}`: what holds for one agent now, and for the workers it could start. */
export const PolicyView = z.object({
  agentId: z.string(),
  isOperator: z.boolean(),
  team: z.string().optional(),
  tools: z.array(z.string()),
  /** Within the floor. */
  permissions: Permissions,
  workers: z.array(z.object({ template: z.string(), tools: z.array(z.string()), permissions: Permissions })),
  /** The floor’s rules as they stand in the configuration. */
  floor: z.array(z.string()),
  grants: z.array(z.object({ id: z.string(), allows: z.array(z.string()), expiresAt: z.number().optional() })),
  /** A hash of everything above: the same value, the same rules. */
  version: z.string(),
});
export type PolicyView = z.infer<typeof PolicyView>;
