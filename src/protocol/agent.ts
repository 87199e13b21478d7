import { z } from 'zod';
import { SandboxLimits } from './config.ts';
import { EgressPlace } from './egress.ts';
import { AgentId } from './ids.ts';
import { Permissions } from './permission.ts';
import { ModelRef } from './provider.ts';
import { RunLimits } from './run.ts';

/** `removed`: invisible, its files and volume kept for a while so that the removal can be undone. */
export const AGENT_STATES = ['active', 'archived', 'removed'] as const;
export const AgentStatus = z.enum(AGENT_STATES);
export type AgentStatus = z.infer<typeof AgentStatus>;

export const ThinkingLevel = z.enum(['off', 'low', 'medium', 'high']);
export type ThinkingLevel = z.infer<typeof ThinkingLevel>;

const bare = RunLimits.shape;
/** What an agent has instead of the deployment's own limits; absent: the deployment's. */
export const AgentLimits = z.strictObject({
  taskSteps: bare.taskSteps.unwrap().optional(),
  chatRounds: bare.chatRounds.unwrap().optional(),
  workerTimeoutMs: bare.workerTimeoutMs.unwrap().optional(),
  toolTimeoutMs: bare.toolTimeoutMs.unwrap().optional(),
  maxOutputTokens: bare.maxOutputTokens.unwrap().optional(),
});
export type AgentLimits = z.infer<typeof AgentLimits>;

const limits = SandboxLimits.shape;
/** The agent's own sandbox. A limit may only be lower than the deployment's: the lower of the two counts. */
export const AgentSandbox = z.strictObject({
  memoryBytes: limits.memoryBytes.unwrap().optional(),
  cpus: limits.cpus.unwrap().optional(),
  processes: limits.processes.unwrap().optional(),
  fileSizeBytes: limits.fileSizeBytes.unwrap().optional(),
  wallMs: limits.wallMs.unwrap().optional(),
  /** What it would like to reach, where the owner's egress rules allow it too and `can_use_internet` is granted. */
  egress: z.array(EgressPlace).max(50).optional(),
});
export type AgentSandbox = z.infer<typeof AgentSandbox>;

export const ToolName = z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, 'a tool name is a-z, 0-9 and _');
/** A team has a readable name like an agent's; both share one namespace. */
export const TeamId = AgentId;

const fields = {
  title: z.string().trim().min(1).max(120),
  description: z.string().trim().max(1_000),
  role: z.string().trim().max(64),
  /** Null: the deployment's. */
  model: ModelRef.nullable(),
  /** Null: the deployment's. */
  thinking: ThinkingLevel.nullable(),
  tools: z.array(ToolName).max(200),
  /** Replaced as a whole; what is not named is denied. */
  permissions: Permissions,
  limits: AgentLimits,
  sandbox: AgentSandbox,
  /** When it wakes by itself, as the automation room reads it: five cron fields or `every 15m`. Null: never. */
  schedule: z.string().trim().min(1).max(100).nullable(),
  /** Set by its team, never by hand. */
  team: z.string().nullable(),
};

/** Everything about an agent that can be changed, except its files and its budget (the vault's, over the owner's surface). */
export const AgentConfig = z.strictObject(fields);
export type AgentConfig = z.infer<typeof AgentConfig>;

/** The files that make an agent's persona. SYSTEM.md is generated and TEAM.md belongs to the team: both are read-only here. */
export const PERSONA_FILES = [
  'INSTRUCTIONS.md',
  'SOUL.md',
  'AGENTS.md',
  'USER.md',
  'TEAM.md',
  'SYSTEM.md',
  'MEMORY.md',
  'HEARTBEAT.md',
  'INTERFACE.md',
] as const;
export const PersonaFile = z.enum(PERSONA_FILES);
export type PersonaFile = z.infer<typeof PersonaFile>;
export const WRITABLE_PERSONA_FILES: readonly PersonaFile[] = PERSONA_FILES.filter(
  (name) => name !== 'SYSTEM.md' && name !== 'TEAM.md',
);

/** Most characters of a persona file on disk. */
export const MAX_PERSONA_FILE = 32_000;
/** Memory grows by itself and may be longer. */
export const MAX_MEMORY_FILE = 64_000;

const { team: _team, ...ownFields } = fields;

/** `POST /api/agents`. What is left out has a narrow default. */
export const CreateAgent = z.strictObject({
  id: AgentId,
  ...z.object(ownFields).partial().shape,
  files: z.partialRecord(PersonaFile, z.string().max(MAX_MEMORY_FILE)).optional(),
});
export type CreateAgent = z.infer<typeof CreateAgent>;

/** `POST /api/agents/{id}`. With `revision` the change is refused when somebody else was faster. */
export const EditAgent = z.strictObject({
  ...z.object(ownFields).partial().shape,
  revision: z.number().int().positive().optional(),
});
export type EditAgent = z.infer<typeof EditAgent>;

/** `POST /api/agents/{id}/clone`. The copy has the same configuration and files, but no team, no history and no volume. */
export const CloneAgent = z.strictObject({ id: AgentId, title: fields.title.optional() });
export type CloneAgent = z.infer<typeof CloneAgent>;

export const AGENT_CHANGES = ['created', 'updated', 'archived', 'restored', 'removed'] as const;
export const AgentRevision = z.object({
  agentId: z.string(),
  revision: z.number(),
  at: z.number(),
  by: z.string(),
  surface: z.string(),
  change: z.enum(AGENT_CHANGES),
  /** The fields that this change set. */
  fields: z.array(z.string()),
});
export type AgentRevision = z.infer<typeof AgentRevision>;

/** Names that no agent and no team may have. */
export const RESERVED_NAMES: readonly string[] = [
  'operator',
  'holdfast',
  'host',
  'owner',
  'system',
  'user',
  'mesh',
  'default',
  'canary-probe',
  'all',
  'global',
  'teams',
  'agents',
];
