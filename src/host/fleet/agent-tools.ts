import { z } from 'zod';
import { widerFields } from '../../policy/meet.ts';
import { judgeEdit } from '../../policy/operator-ceiling.ts';
import { type AgentConfig, CreateAgent, EditAgent } from '../../protocol/agent.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { AgentId } from '../../protocol/ids.ts';
import type { JsonValue } from '../../protocol/json.ts';
import { SYSTEM_LABEL } from '../../protocol/label.ts';
import { NO_PERMISSIONS, SomePermissions } from '../../protocol/permission.ts';
import type { Resource } from '../../protocol/resource.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import { type Agent, configOf } from '../agents/agent.ts';
import type { AgentRoom } from '../agents/agent-room.ts';
import { newConfig, ownPermissions } from '../agents/defaults.ts';
import { described } from '../tools/light-schema.ts';
import type { AnyTool, Tool, ToolCaller } from '../tools/tool.ts';

const CONTROL = { risk: 'control', idempotent: false, parallel: false, deferred: true } as const;
const Fields = {
  title: CreateAgent.shape.title,
  description: CreateAgent.shape.description,
  role: CreateAgent.shape.role,
  model: CreateAgent.shape.model,
  thinking: CreateAgent.shape.thinking,
  tools: CreateAgent.shape.tools,
  schedule: CreateAgent.shape.schedule,
};
const Patch = described(
  SomePermissions,
  'Only the fields that change, e.g. {"can_use_internet":true,"can_spawn":["writer"]}',
).optional();
const OwnFile = z.enum(['INSTRUCTIONS.md', 'SOUL.md', 'AGENTS.md', 'USER.md', 'HEARTBEAT.md', 'INTERFACE.md']);
const Create = z.strictObject({
  id: AgentId,
  ...Fields,
  permissions: Patch,
  instructions: z.string().max(12_000).optional(),
  soul: z.string().max(4_000).optional(),
});
const Edit = z.strictObject({ agent: z.string().min(1), ...Fields, permissions: Patch });
const Ref = z.strictObject({ agent: z.string().min(1) });
const FileInput = z.strictObject({ agent: z.string().min(1), file: OwnFile, text: z.string().max(32_000) });
const OwnFileInput = z.strictObject({ file: OwnFile, text: z.string().max(32_000) });

/**
 * How agents are made and changed by an agent that may. Whatever widens what somebody may do is asked of a person with
 * the exact fields; what only a person may give is refused. Removing asks, too.
 */
export function createAgentTools(room: AgentRoom): AnyTool[] {
  return [
    createTool(room),
    editTool(room),
    fileTool(room),
    ownFileTool(room),
    ...(['archive', 'restore'] as const).map((act) => statusTool(room, act)),
    removeTool(room),
    listTool(room),
    profileTool(room),
  ];
}

const by = (agentId: string) => ({ id: agentId, surface: 'agent' });

function createTool({ agents }: AgentRoom): Tool<z.infer<typeof Create>> {
  return {
    ...CONTROL,
    name: 'create_agent',
    description:
      'Makes a long-lived agent with its own sandbox, files and memory. Without more it gets a sandbox without network; what goes beyond is asked of the owner.',
    input: Create,
    async resources(input, caller) {
      const config = newConfig(toCreate(input));
      const before = { ...newConfig({ id: input.id }), permissions: ownPermissions(input.id) };
      return [changeOf('agent.create', input.id, { before, after: config, caller })];
    },
    async execute(input, { agentId }) {
      return shown(await agents.create(toCreate(input), by(agentId)));
    },
  };
}

function toCreate({ instructions, soul, permissions, ...rest }: z.infer<typeof Create>): CreateAgent {
  const files = {
    ...(instructions === undefined ? {} : { 'INSTRUCTIONS.md': instructions }),
    ...(soul === undefined ? {} : { 'SOUL.md': soul }),
  };
  const own = ownPermissions(rest.id);
  return CreateAgent.parse({
    ...rest,
    permissions: { ...own, ...permissions },
    ...(Object.keys(files).length === 0 ? {} : { files }),
  });
}

function editTool({ agents }: AgentRoom): Tool<z.infer<typeof Edit>> {
  const next = (agent: Agent, { agent: _id, permissions, ...fields }: z.infer<typeof Edit>): EditAgent =>
    EditAgent.parse({
      ...fields,
      ...(permissions === undefined ? {} : { permissions: { ...agent.permissions, ...permissions } }),
    });
  return {
    ...CONTROL,
    name: 'edit_agent',
    description:
      'Changes an agent; counts from its next run on. What widens it is asked of the owner. It can be undone.',
    input: Edit,
    async resources(input, caller) {
      const agent = await agents.get(input.agent);
      mustNotBeSelf(agent, caller);
      const before = configOf(agent);
      const { revision: _revision, ...change } = next(agent, input);
      return [changeOf('agent.edit', agent.id, { before, after: { ...before, ...defined(change) }, caller })];
    },
    async execute(input, { agentId }) {
      const agent = await agents.get(input.agent);
      return shown(await agents.edit(agent.id, { ...next(agent, input), revision: agent.revision }, by(agentId)));
    },
  };
}

/** A change as the gate and a person see it: which fields give more than before, and to what. */
function changeOf(
  act: string,
  id: string,
  { before, after, caller }: { before: AgentConfig; after: AgentConfig; caller: ToolCaller },
): Resource {
  const own = caller.permissions ?? NO_PERMISSIONS;
  const verdict = judgeEdit({ before: before.permissions, after: after.permissions, own });
  if (verdict.never.length > 0) {
    throw new HoldfastError('tool.bad-input', `Only the owner can give ${id} this: ${verdict.never.join(', ')}.`, {
      remedy: `The owner does it with: holdfast agents edit ${id}`,
    });
  }
  const wider = widerFields(after.permissions, before.permissions);
  const fields = verdict.ask.map((field) => `${field} = ${JSON.stringify(Reflect.get(after.permissions, field))}`);
  const tools = after.tools.filter((tool) => !before.tools.includes(tool));
  const model = after.model === before.model ? [] : [`model ${after.model ?? 'of the deployment'}`];
  const schedule = after.schedule === before.schedule || after.schedule === null ? [] : [`wakes ${after.schedule}`];
  const widening = [...fields, ...(tools.length === 0 ? [] : [`tools ${tools.join(', ')}`]), ...model, ...schedule];
  const quiet = wider.filter((field) => !verdict.ask.includes(field));
  const told = [...widening, ...quiet];
  return {
    kind: 'fleet',
    act,
    target: told.length === 0 ? id : `${id}: ${told.join('; ')}`,
    widens: widening.length > 0,
  };
}

function fileTool({ agents, personas }: AgentRoom): Tool<z.infer<typeof FileInput>> {
  return {
    ...CONTROL,
    name: 'write_agent_file',
    description: 'Writes a persona file of another agent. Older versions are kept.',
    input: FileInput,
    async resources({ agent, file }, caller) {
      const found = await agents.get(agent);
      mustNotBeSelf(found, caller);
      return [{ kind: 'fleet', act: 'persona.write', target: `${found.id}/${file}`, widens: false }];
    },
    async execute({ agent, file, text }, { agentId }) {
      await personas.write((await agents.get(agent)).id, file, text, by(agentId));
      return json({ agent, file, characters: text.length });
    },
  };
}

function ownFileTool({ personas }: AgentRoom): Tool<z.infer<typeof OwnFileInput>> {
  return {
    ...CONTROL,
    name: 'update_workspace',
    description: 'Writes one of your own persona files; you read it from the next turn on. Older versions are kept.',
    input: OwnFileInput,
    resources: async (_input, { agentId }) => [{ kind: 'memory', scope: `agent:${agentId}`, act: 'write' }],
    async execute({ file, text }, { agentId }) {
      await personas.write(agentId, file, text, by(agentId));
      return json({ file, characters: text.length });
    },
  };
}

function statusTool({ agents }: AgentRoom, act: 'archive' | 'restore'): Tool<z.infer<typeof Ref>> {
  return {
    ...CONTROL,
    name: `${act}_agent`,
    description:
      act === 'archive'
        ? 'Ends what an agent does and starts nothing new for it.'
        : 'Makes an archived agent active again.',
    input: Ref,
    resources: async ({ agent }) => [{ kind: 'fleet', act: `agent.${act}`, target: agent, widens: false }],
    execute: async ({ agent }, { agentId }) => shown(await agents[act](agent, by(agentId))),
  };
}

function removeTool({ agents }: AgentRoom): Tool<z.infer<typeof Ref>> {
  return {
    ...CONTROL,
    name: 'remove_agent',
    description: 'Removes an agent for good. The owner is asked.',
    input: Ref,
    resources: async ({ agent }) => [
      { kind: 'fleet', act: 'agent.remove', target: (await agents.get(agent)).id, widens: true },
    ],
    async execute({ agent }, { agentId }) {
      await agents.remove(agent, by(agentId));
      return json({ removed: agent });
    },
  };
}

function listTool({ agents }: AgentRoom): Tool<Record<string, never>> {
  return {
    ...CONTROL,
    idempotent: true,
    parallel: true,
    deferred: false,
    name: 'list_agents',
    description: 'The agents you may know of, with role and team.',
    input: z.strictObject({}),
    async execute(_input, { agentId }) {
      const { shown: some, more } = await agents.roster(await agents.get(agentId), 100);
      return json({ agents: some.map((one) => ({ ...one })), more });
    },
  };
}

function profileTool({ agents, personas }: AgentRoom): Tool<z.infer<typeof Ref>> {
  return {
    ...CONTROL,
    idempotent: true,
    parallel: true,
    name: 'get_agent_profile',
    description: 'What another agent is for and what it offers (its INTERFACE.md).',
    input: Ref,
    resources: async ({ agent }) => [{ kind: 'agent', id: agent, act: 'read' }],
    async execute({ agent: id }) {
      const agent = await agents.get(id);
      const offers = (await personas.read(id)).get('INTERFACE.md') ?? '';
      const { title, description, role, team, status } = agent;
      return json({ agent: id, title, description, role, team, status, interface: offers.slice(0, 4_000) });
    },
  };
}

function mustNotBeSelf(agent: Agent, caller: ToolCaller): void {
  if (agent.id !== caller.agentId) return;
  throw new HoldfastError('tool.bad-input', 'You cannot change your own configuration.', {
    remedy: 'Use update_workspace for your own files, and ask the owner for the rest.',
  });
}

function shown(agent: Agent): ToolOutcome {
  const { id, title, status, revision, tools } = agent;
  return json({ agent: id, title, status, revision, tools });
}

function json(data: JsonValue): ToolOutcome {
  return { status: 'ok', text: JSON.stringify(data, undefined, 2), data, label: SYSTEM_LABEL };
}

function defined<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
