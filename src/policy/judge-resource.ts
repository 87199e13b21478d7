import type { Permissions } from '../protocol/permission.ts';
import type { Resource } from '../protocol/resource.ts';
import type { GateFacts } from './facts.ts';
import { type Finding, pass, question, refuse } from './finding.ts';
import { globCovers, matchGlob } from './glob.ts';
import { judgeFleet } from './judge-fleet.ts';
import { judgeBlackboard, judgeTopic } from './judge-shared.ts';
import { judgeWallet } from './judge-wallet.ts';
import { isWithin, refusePath } from './paths.ts';
import type { GateRequest } from './request.ts';
import { hostOf } from './subject.ts';

/** What the permissions of the run say about one thing that a call would touch. Default deny; an unknown kind is denied. */
export function judgeResource(resource: Resource, request: GateRequest, facts: GateFacts): Finding {
  const permissions = facts.permissions;
  switch (resource.kind) {
    case 'path':
      return judgePath(resource, facts);
    case 'template':
      return granted('spawn', {
        list: permissions.can_spawn,
        name: resource.id,
        field: 'can_spawn',
        what: 'start the worker template',
      });
    case 'url':
      return judgeHost(hostOf(resource.url), resource.url, permissions.can_use_internet, permissions);
    case 'agent':
      return judgeAgent(resource, request, facts);
    case 'topic':
      return judgeTopic(resource, request, facts);
    case 'blackboard':
      return judgeBlackboard(resource, request, facts);
    case 'credential':
      return judgeCredential(resource.name.toLowerCase(), request, permissions);
    case 'api':
      return granted('apis', {
        list: permissions.allowed_apis,
        name: resource.service,
        field: 'allowed_apis',
        what: 'call the API',
      });
    case 'browser':
      return judgeBrowser(resource, permissions);
    case 'skill':
      return judgeSkill(resource, permissions);
    case 'mcp':
      return judgeMcp(resource, permissions);
    case 'schedule':
      return flag('schedules', permissions, { field: 'can_manage_cron', what: `${resource.act} a schedule` });
    case 'memory':
      return judgeMemory(resource, request, facts);
    case 'person':
      return resource.known
        ? pass('people.known', `${resource.address} is a known person.`)
        : question(
            'people.ask-unknown',
            `${resource.address} is nobody that Holdfast knows.`,
            'Pair or allow this person, or answer the question.',
          );
    case 'fleet':
      return judgeFleet(resource, permissions);
    case 'wallet':
      return judgeWallet(resource, facts);
    default:
      return refuse('resources.unknown', 'This version does not know what the call would touch.', 'Update Holdfast.');
  }
}

interface Grant {
  readonly list: readonly string[];
  readonly name: string;
  readonly field: keyof Permissions;
  readonly what: string;
}

function granted(rule: string, { list, name, field, what }: Grant): Finding {
  const by = list.find((glob) => globCovers(glob, name));
  if (by !== undefined) return pass(`${rule}.granted`, `${field} holds ${by}.`);
  return refuse(`${rule}.not-granted`, `It may not ${what} ${name}.`, `Add ${name} to ${field} of the agent.`);
}

function flag(
  rule: string,
  permissions: Permissions,
  { field, what }: { field: keyof Permissions; what: string },
): Finding {
  if (permissions[field] === true) return pass(`${rule}.granted`, `${field} is on.`);
  return refuse(`${rule}.not-granted`, `It may not ${what}.`, `Turn on ${field} for the agent.`);
}

/** What an agent made itself (`own.<agent>.…`) is its own; anything else must be granted. */
function judgeCredential(name: string, { agentId }: GateRequest, { allowed_credentials }: Permissions): Finding {
  if (name.startsWith(`own.${agentId}.`)) return pass('credentials.own', 'It made this credential itself.');
  const list = allowed_credentials.map((glob) => glob.toLowerCase());
  return granted('credentials', { list, name, field: 'allowed_credentials', what: 'use the credential' });
}

function judgePath(resource: Extract<Resource, { kind: 'path' }>, facts: GateFacts): Finding {
  const never = refusePath(resource.path, facts);
  if (never !== undefined) {
    return refuse(
      'paths.never-shared',
      `The folder ${resource.path} is never shared: ${never}.`,
      'Name another folder, or copy what is needed into one.',
    );
  }
  const covers = (folder: { path: string; mode: 'ro' | 'rw' }): boolean =>
    isWithin(resource.path, folder.path) && (resource.mode === 'ro' || folder.mode === 'rw');
  const held = facts.folders.find(covers);
  if (held !== undefined) return pass('paths.held', `This run already holds ${held.path} (${held.mode}).`);
  const listed = facts.permissions.paths.find(covers);
  if (listed !== undefined) return pass('paths.granted', `paths holds ${listed.path} (${listed.mode}).`);
  return question(
    'paths.ask-owner',
    `The folder ${resource.path} (${resource.mode}) is not held by this run.`,
    `Answer the question, or add ${resource.path} to paths of the agent.`,
  );
}

function judgeHost(host: string | undefined, url: string, may: boolean, { allowed_hosts }: Permissions): Finding {
  if (host === undefined)
    return refuse('internet.no-address', `${url} is no http or https address.`, 'Give a whole address.');
  if (!may)
    return refuse(
      'internet.not-granted',
      `It may not use the internet (${host}).`,
      'Turn on can_use_internet for the agent.',
    );
  if (allowed_hosts === null) return pass('internet.granted', 'can_use_internet is on for every public host.');
  const by = allowed_hosts.find((glob) => matchGlob(glob.toLowerCase(), host));
  if (by !== undefined) return pass('internet.granted', `allowed_hosts holds ${by}.`);
  return refuse('internet.host-not-granted', `It may not reach ${host}.`, `Add ${host} to allowed_hosts of the agent.`);
}

function judgeAgent(
  resource: Extract<Resource, { kind: 'agent' }>,
  request: GateRequest,
  { permissions, team, isOperator }: GateFacts,
): Finding {
  if (resource.id === request.agentId) return pass('agents.self', 'It is itself.');
  const mayCross = isOperator || permissions.can_route_tasks;
  if (resource.team !== undefined && resource.team !== team && !mayCross) {
    return refuse(
      'teams.other-team',
      `${resource.id} belongs to the team ${resource.team}, ${request.agentId} to ${team ?? 'none'}.`,
      'Go through the operator, or turn on can_route_tasks for the agent.',
    );
  }
  if (resource.act === 'read' && permissions.can_view_fleet_metrics)
    return pass('agents.metrics', 'can_view_fleet_metrics is on.');
  return granted('agents', {
    list: permissions.can_message,
    name: resource.id,
    field: 'can_message',
    what: `${resource.act} the agent`,
  });
}

function judgeBrowser({ action, host }: Extract<Resource, { kind: 'browser' }>, permissions: Permissions): Finding {
  const { can_use_browser: may, browser_actions: actions } = permissions;
  if (!may)
    return refuse('browser.not-granted', 'It may not use the browser.', 'Turn on can_use_browser for the agent.');
  if (actions !== null && !actions.some((glob) => matchGlob(glob, action))) {
    return refuse(
      'browser.action-not-granted',
      `It may not ${action}.`,
      `Add ${action} to browser_actions of the agent.`,
    );
  }
  if (host !== undefined) return judgeHost(host.toLowerCase(), host, true, permissions);
  return pass(
    'browser.granted',
    actions === null ? 'Every browser action is granted.' : `browser_actions holds ${action}.`,
  );
}

function judgeSkill({ name, act }: Extract<Resource, { kind: 'skill' }>, permissions: Permissions): Finding {
  if (act === 'use')
    return granted('skills', {
      list: permissions.allowed_skills,
      name,
      field: 'allowed_skills',
      what: 'use the skill',
    });
  const may = flag('skills', permissions, { field: 'can_edit_agent_config', what: `${act} the skill ${name}` });
  if (may.verdict === 'deny' || act === 'remove') return may;
  return question(
    'skills.ask-install',
    `The skill ${name} brings new instructions and programs.`,
    'Answer the question.',
  );
}

function judgeMcp({ server, tool }: Extract<Resource, { kind: 'mcp' }>, { allowed_mcp }: Permissions): Finding {
  const by = allowed_mcp.find((glob) => globCovers(glob, server) || globCovers(glob, `${server}/${tool}`));
  if (by !== undefined) return pass('mcp.granted', `allowed_mcp holds ${by}.`);
  return refuse(
    'mcp.not-granted',
    `It may not call ${tool} of the MCP server ${server}.`,
    `Add ${server}/${tool} to allowed_mcp of the agent.`,
  );
}

/** `agent:<id>`, `team:<id>`, `person:<principal>`: its own and those it belongs to, and no others. */
function judgeMemory(
  { scope, act }: Extract<Resource, { kind: 'memory' }>,
  request: GateRequest,
  facts: GateFacts,
): Finding {
  const own = [
    `agent:${request.agentId}`,
    `person:${request.principal}`,
    ...(facts.team === undefined ? [] : [`team:${facts.team}`]),
  ];
  if (own.includes(scope)) return pass('memory.own', `${scope} is its own.`);
  if (facts.isOperator && act === 'read' && scope.startsWith('team:'))
    return pass('memory.operator', 'The operator reads what teams know.');
  return refuse('memory.other-scope', `It may not ${act} the memory ${scope}.`, `It has ${own.join(', ')}.`);
}
