import { z } from 'zod';
import {
  AgentRevision,
  CloneAgent,
  CreateAgent,
  EditAgent,
  MAX_MEMORY_FILE,
  PERSONA_FILES,
  PersonaFile,
} from '../../../protocol/agent.ts';
import { AgentSettings, PersonaFileVersionView, PersonaFileView } from '../../../protocol/api.ts';
import type { Agent } from '../../agents/agent.ts';
import { configOf } from '../../agents/agent.ts';
import type { AgentRuns } from '../../agents/agent-runs.ts';
import type { Agents } from '../../agents/agents.ts';
import type { PersonaFiles } from '../../agents/persona-files.ts';
import { INTERFACE_CAP, PROMPT_CAPS } from '../../agents/system-prompt.ts';
import type { ApiApp } from '../api-env.ts';
import { bounded, IdParams, limit } from '../query.ts';
import { jsonRoute } from '../route.ts';

export interface AgentAdmin {
  readonly agents: Agents;
  readonly personas: PersonaFiles;
  readonly agentRuns: AgentRuns;
}

const FileParams = IdParams.extend({ name: PersonaFile });
const WriteFile = z.strictObject({ text: z.string().max(MAX_MEMORY_FILE) });
const Undo = z.strictObject({ revision: z.number().int().positive() });
const Revert = z.strictObject({ version: z.number().int().positive() });
const Done = z.object({ done: z.literal(true) });
const done = { done: true } as const;

/** Making, changing and removing agents, and their files. Reading an agent is in `routes/agents.ts`. */
export function agentAdminRoutes(app: ApiApp, admin: AgentAdmin): void {
  changeRoutes(app, admin);
  statusRoutes(app, admin);
  fileRoutes(app, admin);
}

function changeRoutes(app: ApiApp, { agents, agentRuns }: AgentAdmin): void {
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/agents',
      summary: 'Makes an agent. 403 once limits.maxAgents is reached.',
      body: CreateAgent,
      reply: AgentSettings,
      refuses: [403, 409],
    },
    async ({ body, caller }) => toSettings(await agents.create(body, caller.principal)),
  );
  jsonRoute(
    app,
    {
      method: 'get',
      path: '/api/agents/{id}/config',
      summary: 'What can be changed of an agent.',
      params: IdParams,
      reply: AgentSettings,
      refuses: [404],
    },
    async ({ params }) => toSettings(await agents.get(params.id)),
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/agents/{id}/config',
      summary: 'Changes an agent; counts from its next run on. With a revision, refused when somebody was faster.',
      params: IdParams,
      body: EditAgent,
      reply: AgentSettings,
      refuses: [404, 409],
    },
    async ({ params, body, caller }) => toSettings(await agents.edit(params.id, body, caller.principal)),
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/agents/{id}/clone',
      summary: 'Makes a copy under another name, with the same files.',
      params: IdParams,
      body: CloneAgent,
      reply: AgentSettings,
      refuses: [403, 404, 409],
    },
    async ({ params, body, caller }) => toSettings(await agents.clone(params.id, body, caller.principal)),
  );
  jsonRoute(
    app,
    {
      method: 'get',
      path: '/api/agents/{id}/prompt',
      summary: 'The system prompt as its next run would have it.',
      params: IdParams,
      reply: z.object({ text: z.string() }),
      refuses: [404, 409],
    },
    async ({ params }) => ({ text: await agentRuns.prompt(params.id) }),
  );
}

function statusRoutes(app: ApiApp, { agents }: AgentAdmin): void {
  const statuses = {
    archive: 'Ends what an agent is doing and starts nothing new for it.',
    restore: 'Makes an archived agent active again. 403 once limits.maxAgents is reached.',
  } as const;
  for (const act of ['archive', 'restore'] as const) {
    jsonRoute(
      app,
      {
        method: 'post',
        path: `/api/agents/{id}/${act}`,
        summary: statuses[act],
        params: IdParams,
        reply: AgentSettings,
        refuses: [403, 404, 409],
      },
      async ({ params, caller }) => toSettings(await agents[act](params.id, caller.principal)),
    );
  }
  jsonRoute(
    app,
    {
      method: 'delete',
      path: '/api/agents/{id}',
      summary: 'Removes an agent. Its history stays; undo brings it back.',
      params: IdParams,
      reply: Done,
      refuses: [403, 404, 409],
    },
    async ({ params, caller }) => {
      await agents.remove(params.id, caller.principal);
      return done;
    },
  );
  jsonRoute(
    app,
    {
      method: 'get',
      path: '/api/agents/{id}/revisions',
      summary: 'What was changed of an agent, newest first.',
      params: IdParams,
      query: z.object({ limit: limit(100) }),
      reply: AgentRevision.array(),
    },
    async ({ params, query }) => await agents.revisions(params.id, query.limit),
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/agents/{id}/undo',
      summary: 'Takes one change back, if nothing of it was changed again since.',
      params: IdParams,
      body: Undo,
      reply: AgentSettings,
      refuses: [403, 404, 409],
    },
    async ({ params, body, caller }) => toSettings(await agents.undo(params.id, body.revision, caller.principal)),
  );
}

function fileRoutes(app: ApiApp, { agents, personas, agentRuns }: AgentAdmin): void {
  jsonRoute(
    app,
    {
      method: 'get',
      path: '/api/agents/{id}/files',
      summary: 'The persona files of an agent; absent ones are empty.',
      params: IdParams,
      reply: PersonaFileView.array(),
      refuses: [404],
    },
    async ({ params }) => {
      const agent = await agents.get(params.id);
      const files = await (agent.status === 'active' ? agentRuns.files(agent.id) : personas.read(agent.id));
      return bounded(PERSONA_FILES.map((name) => fileView(name, files.get(name) ?? '')));
    },
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/agents/{id}/files/{name}',
      summary: 'Writes a persona file.',
      params: FileParams,
      body: WriteFile,
      reply: PersonaFileView,
      refuses: [404, 413],
    },
    async ({ params, body, caller }) => {
      const agent = await agents.get(params.id);
      await personas.write(agent.id, params.name, body.text, caller.principal);
      return fileView(params.name, body.text);
    },
  );
  jsonRoute(
    app,
    {
      method: 'get',
      path: '/api/agents/{id}/files/{name}/versions',
      summary: 'The newest 20 versions of a persona file, newest first.',
      params: FileParams,
      reply: PersonaFileVersionView.array(),
      refuses: [404],
    },
    async ({ params }) => await personas.history((await agents.get(params.id)).id, params.name),
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/agents/{id}/files/{name}/revert',
      summary: 'Makes an older version of a persona file the current one again.',
      params: FileParams,
      body: Revert,
      reply: Done,
      refuses: [404],
    },
    async ({ params, body, caller }) => {
      const agent = await agents.get(params.id);
      await personas.revert(agent.id, params.name, body.version, caller.principal);
      return done;
    },
  );
}

function toSettings(agent: Agent): AgentSettings {
  const { id, kind, status, revision, createdAt, updatedAt } = agent;
  return { ...configOf(agent), id, kind, status, revision, createdAt, updatedAt };
}

function fileView(name: PersonaFile, text: string): PersonaFileView {
  const cap = name === 'INTERFACE.md' ? INTERFACE_CAP : (PROMPT_CAPS.find(([known]) => known === name)?.[1] ?? null);
  return { name, text, cap, writable: name !== 'SYSTEM.md' && name !== 'TEAM.md' };
}
