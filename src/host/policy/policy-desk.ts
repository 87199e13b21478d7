import { createHash } from 'node:crypto';
import { explain } from '../../policy/explain.ts';
import { readAsk } from '../../policy/read-ask.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { Explanation } from '../../protocol/explanation.ts';
import type { ExplainQuery, PolicyView } from '../../protocol/policy-view.ts';
import type { Resource } from '../../protocol/resource.ts';
import type { Risk } from '../../protocol/tool.ts';
import type { Agents } from '../agents/agents.ts';
import type { AnyTool } from '../tools/tool.ts';
import type { WorkerTemplates } from '../workers/template-store.ts';
import { workerPermissions } from '../workers/worker-permissions.ts';
import type { Policy, RunRights } from './policy.ts';

/** Answers people’s questions about the rules; nothing here changes or runs anything. */
export interface PolicyDesk {
  show(agentId: string): Promise<PolicyView>;
  explain(query: ExplainQuery): Promise<Explanation>;
}

export interface PolicyDeskDeps {
  readonly agents: Agents;
  readonly policy: Policy;
  readonly templates: Pick<WorkerTemplates, 'all' | 'find'>;
  readonly tools: ReadonlyMap<string, AnyTool>;
  readonly userHome: string;
}

export function createPolicyDesk(deps: PolicyDeskDeps): PolicyDesk {
  return {
    async show(agentId) {
      const rights = await rightsOf(agentId, undefined, deps);
      const facts = await deps.policy.factsOf(rights);
      const view = {
        agentId,
        isOperator: rights.isOperator,
        ...(rights.team === undefined ? {} : { team: rights.team }),
        tools: [...rights.tools],
        permissions: facts.permissions,
        workers: deps.templates.all().map((template) => ({
          template: template.id,
          tools: template.tools,
          permissions: workerPermissions(template, facts.permissions),
        })),
        floor: facts.floor.texts,
        grants: facts.grants.map(({ id, allows, expiresAt }) => ({
          id,
          allows: [...allows],
          ...(expiresAt === undefined ? {} : { expiresAt }),
        })),
      };
      return {
        ...view,
        floor: [...view.floor],
        version: createHash('sha256').update(JSON.stringify(view)).digest('hex'),
      };
    },
    async explain({ agent, action, resource }) {
      const [agentId = '', template] = agent.split('/');
      const rights = await rightsOf(agentId, template, deps);
      const tool = deps.tools.get(action);
      const resources = resource === undefined ? [] : [readResource(resource, deps.userHome)];
      // A word that is no tool asks about the thing itself, whatever tool would touch it.
      const tools = tool === undefined ? [...rights.tools, action] : rights.tools;
      const risk: Risk = tool?.risk ?? 'control';
      const facts = await deps.policy.factsOf({ ...rights, tools: [...tools] });
      return explain({ agentId, tool: action, risk, resources, principal: 'owner' }, facts);
    },
  };
}

/** What a run of this agent, or of a worker that it starts, would hold. */
async function rightsOf(agentId: string, template: string | undefined, deps: PolicyDeskDeps): Promise<RunRights> {
  const agent = await deps.agents.get(agentId);
  const own: RunRights = {
    agentId,
    tools: agent.tools,
    isOperator: agent.kind === 'operator',
    ...(agent.team === null ? {} : { team: agent.team }),
    permissions: deps.policy.permissionsOf(agent),
    folders: [],
    unattended: false,
  };
  if (template === undefined) return own;
  const found = deps.templates.find(template);
  if (found === undefined) {
    throw new HoldfastError('not-found', `There is no worker template ${template}.`, {
      remedy: `Templates: ${deps.templates
        .all()
        .map((known) => known.id)
        .join(', ')}.`,
    });
  }
  return { ...own, tools: found.tools, isOperator: false, permissions: workerPermissions(found, own.permissions) };
}

function readResource(text: string, userHome: string): Resource {
  const expanded = text.replace(/^((?:path(?:\.\w+)?:)?)~(?=\/|$)/, `$1${userHome}`);
  const resource = readAsk(expanded);
  if (typeof resource !== 'string') return resource;
  throw new HoldfastError('bad-request', `${resource}.`, {
    remedy:
      'Examples: https://example.org, ~/reports, path.rw:~/reports, blackboard.write:teams/sales/x, agent.task:intern.',
  });
}
