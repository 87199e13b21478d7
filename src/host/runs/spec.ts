import { z } from 'zod';
import { AgentSandbox } from '../../protocol/agent.ts';
import { Expectation } from '../../protocol/expectation.ts';
import { Label } from '../../protocol/label.ts';
import { Permissions } from '../../protocol/permission.ts';
import { RunKind, RunLimits } from '../../protocol/run.ts';
import { Fields } from '../quarantine/fields.ts';

/** A folder of the user's that a run may see, at `target` in its sandbox. Granted by a person's approval only. */
export const Folder = z.object({ path: z.string(), target: z.string(), mode: z.enum(['ro', 'rw']) });
export type Folder = z.infer<typeof Folder>;

/** Everything a run is given at its creation; kept with its row, so that it can go on after any restart. */
export const RunSpec = z.object({
  kind: RunKind,
  agentId: z.string(),
  sessionId: z.string().optional(),
  parentRunId: z.string().optional(),
  /** The task it works on, whose budget pays too; absent: it is its own. Workers work on the task of their parent. */
  taskId: z.string().optional(),
  messageId: z.string().optional(),
  template: z.string().optional(),
  title: z.string(),
  model: z.string(),
  thinking: z.enum(['off', 'low', 'medium', 'high']),
  tools: z.array(z.string()),
  systemPrompt: z.string(),
  limits: RunLimits,
  folders: z.array(Folder),
  /** Of a worker: 1 when an agent started it, one more than its parent's when a worker did. */
  depth: z.number().int().min(0).default(0),
  /** The agent's own run that it goes back to; absent: itself. */
  rootRunId: z.string().optional(),
  /** Templates that a worker may start itself. */
  children: z.array(z.string()).default([]),
  /** What the host checks before it believes that the task is done. */
  expects: z.array(Expectation).default([]),
  /** Nobody waits for it: when it settles, its session gets a message of the host's. */
  background: z.boolean().default(false),
  /** What its sandbox may reach, as places; absent: no network. The vault holds the run to it and to the owner's rules. */
  egress: z.array(z.string()).optional(),
  /** The folder of volumes it uses and leaves behind, an agent's own; absent: one of its own, gone with the run. */
  volume: z.string().optional(),
  /** Limits of its sandbox below the deployment's. */
  sandbox: AgentSandbox.omit({ egress: true }).optional(),
  /** Only the operator's own chat runs: no tool that acts, whatever `tools` says. */
  isOperator: z.boolean(),
  /** What it may do, as its agent, its parent and the floor allow together at its creation; absent: nothing of it. */
  permissions: Permissions.optional(),
  /** The person it acts for. */
  principal: z.string().default('owner'),
  /** The team of its agent, whose namespace and budget it uses. */
  team: z.string().optional(),
  /** `quarantine`: its model gets references in place of results that nobody vouches for. */
  untrusted: z.enum(['read', 'quarantine']).default('read'),
  /** What its parent wants back instead of its words. */
  resultFields: Fields.optional(),
  /** Nobody is there to answer: its own policy says what may be asked. */
  unattended: z.boolean().default(false),
  input: z.object({ source: z.enum(['user', 'parent', 'host']), text: z.string(), label: Label }),
});
export type RunSpec = z.infer<typeof RunSpec>;
