import type { Permissions } from '../protocol/permission.ts';
import type { Resource } from '../protocol/resource.ts';
import { type Finding, pass, question, refuse } from './finding.ts';

type Flags = { [K in keyof Permissions]: Permissions[K] extends boolean ? K : never }[keyof Permissions];

/** Which permission a change of the fleet needs, by the first word of its act (`agent.create`, `team.remove` …). */
const NEEDED: Readonly<Record<string, Flags>> = {
  agent: 'can_manage_fleet',
  mcp: 'can_manage_fleet',
  template: 'can_manage_fleet',
  team: 'can_manage_teams',
  budget: 'can_edit_agent_config',
  config: 'can_edit_agent_config',
  permissions: 'can_edit_agent_config',
  persona: 'can_edit_agent_config',
  metrics: 'can_view_fleet_metrics',
  task: 'can_route_tasks',
  plan: 'can_route_tasks',
  credential: 'can_request_user_credentials',
};

/** A change of the fleet itself. One that gives somebody more than before is a person's to decide, whoever asks. */
export function judgeFleet(
  { act, target, widens }: Extract<Resource, { kind: 'fleet' }>,
  permissions: Permissions,
): Finding {
  const word = act.split('.')[0] ?? '';
  const field = Object.hasOwn(NEEDED, word) ? NEEDED[word] : undefined;
  if (field === undefined) {
    return refuse(
      'fleet.unknown-act',
      `There is no rule that grants ${act}.`,
      'Do it yourself, in the dashboard or with the CLI.',
    );
  }
  if (!permissions[field]) {
    return refuse('fleet.not-granted', `It may not ${act} (${target}).`, `Turn on ${field} for the agent.`);
  }
  if (!widens) return pass('fleet.granted', `${field} is on.`);
  return question(
    'fleet.ask-owner',
    `${act} of ${target} gives more than there was before.`,
    'Answer the question, or do it yourself.',
  );
}
