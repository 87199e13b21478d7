import type { Permissions } from '../../protocol/permission.ts';
import type { Agent } from './agent.ts';
import type { Roster } from './roster.ts';

/** What SYSTEM.md tells an agent about itself: facts of the host that change only when somebody changes them. */
export interface SystemFacts {
  readonly agent: Agent;
  readonly model: string;
  readonly others: Roster;
}

export function systemFile({ agent, model, others }: SystemFacts): string {
  const facts = [
    ['you are', `${agent.title} (${agent.id})`],
    ['role', agent.role],
    ['description', agent.description],
    ['model', model],
    ['team', agent.team ?? 'none'],
    ['wakes by itself', agent.schedule ?? 'never'],
    ['network of the sandbox', networkOf(agent)],
    ['you may', grants(agent.permissions).join('; ') || 'use your own tools only'],
  ];
  const lines = facts.filter(([, value]) => value !== '').map(([name, value]) => `- ${name}: ${value}`);
  return [...lines, ...rosterOf(others)].join('\n');
}

function networkOf(agent: Agent): string {
  if (agent.kind === 'operator') return '';
  const places = agent.permissions.can_use_internet ? (agent.sandbox.egress ?? []) : [];
  return places.length === 0 ? 'none' : `${places.join(', ')}, as far as the owner allows`;
}

/** What is granted, in words; lists by name, numbers left out. */
function grants(permissions: Permissions): string[] {
  const words: [string, readonly string[] | boolean][] = [
    ['message', permissions.can_message],
    ['publish', permissions.can_publish],
    ['subscribe to', permissions.can_subscribe],
    ['read the blackboard at', permissions.blackboard_read],
    ['write the blackboard at', permissions.blackboard_write],
    ['call the services', permissions.allowed_apis],
    ['use the credentials', permissions.allowed_credentials],
    ['read web pages', permissions.can_use_internet],
    ['use the browser', permissions.can_use_browser],
    ['start the workers', permissions.can_spawn],
    ['manage schedules', permissions.can_manage_cron],
    ['manage agents', permissions.can_manage_fleet],
    ['manage teams', permissions.can_manage_teams],
    ['use the skills', permissions.allowed_skills],
    ['use the MCP tools', permissions.allowed_mcp],
    ['use a wallet', permissions.can_use_wallet],
  ];
  return words.flatMap(([what, value]) => {
    if (typeof value === 'boolean') return value ? [what] : [];
    return value.length === 0 ? [] : [`${what} ${value.join(', ')}`];
  });
}

function rosterOf({ shown, more }: Roster): string[] {
  if (shown.length === 0) return [];
  const lines = shown.map((other) => {
    const what = other.role !== '' ? other.role : other.description;
    return `- ${other.id}${what === '' ? '' : `: ${what.slice(0, 100)}`}`;
  });
  return ['', 'Other agents:', ...lines, ...(more > 0 ? [`- and ${more} more`] : [])];
}
