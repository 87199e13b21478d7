import type { Permissions } from '../protocol/permission.ts';
import { PERMISSION_FIELDS, widerFields } from './meet.ts';

/**
 * How far the operator may widen the permissions of an agent. It may always narrow. Every field of the matrix must stand
 * here, or it does not compile; a field that is not here at run time can never be widened. A person who edits an agent
 * themselves has no ceiling.
 */
export const OPERATOR_CEILING = {
  can_message: 'may-grant',
  can_publish: 'may-grant',
  can_subscribe: 'may-grant',
  blackboard_read: 'may-grant',
  blackboard_write: 'may-grant',
  can_spawn: 'may-grant',
  can_manage_cron: 'must-ask',
  allowed_apis: 'must-ask',
  allowed_credentials: 'must-ask',
  can_use_internet: 'must-ask',
  allowed_hosts: 'must-ask',
  allowed_egress: 'must-ask',
  can_use_browser: 'must-ask',
  browser_actions: 'must-ask',
  allowed_skills: 'must-ask',
  allowed_mcp: 'must-ask',
  denied_tools: 'must-ask',
  denied_risks: 'must-ask',
  paths: 'must-ask',
  can_manage_fleet: 'never',
  can_manage_teams: 'never',
  can_edit_agent_config: 'never',
  can_view_fleet_metrics: 'must-ask',
  can_route_tasks: 'never',
  can_request_user_credentials: 'must-ask',
  can_use_wallet: 'never',
  wallet_allowed_chains: 'never',
  wallet_allowed_contracts: 'never',
  wallet_spend_limit_per_tx_usd: 'never',
  wallet_spend_limit_daily_usd: 'never',
  wallet_rate_limit_per_hour: 'never',
} as const satisfies Record<keyof Permissions, CeilingClass>;

/** `may-grant`: as far as the operator has it itself. `must-ask`: a person decides. `never`: only a person does it. */
export type CeilingClass = 'may-grant' | 'must-ask' | 'never';

export const ceilingOf = (field: string): CeilingClass =>
  Object.hasOwn(OPERATOR_CEILING, field) ? OPERATOR_CEILING[field as keyof Permissions] : 'never';

export interface EditVerdict {
  /** Fields that the operator may not widen; with any of them the edit is refused whole. */
  readonly never: readonly string[];
  /** Fields about which a person is asked. */
  readonly ask: readonly string[];
}

/** What an edit by the operator (with permissions `own`) comes to. Nothing in either list: it just narrows, or it may. */
export function judgeEdit(edit: { before: Permissions; after: Permissions; own: Permissions }): EditVerdict {
  const wider = widerFields(edit.after, edit.before);
  const beyondOwn = widerFields(edit.after, edit.own);
  const strange = Object.keys(edit.after).filter((field) => !PERMISSION_FIELDS.some((known) => known === field));
  return {
    never: [...strange, ...wider.filter((field) => ceilingOf(field) === 'never')],
    ask: wider.filter((field) => {
      const ceiling = ceilingOf(field);
      return ceiling === 'must-ask' || (ceiling === 'may-grant' && beyondOwn.includes(field));
    }),
  };
}
