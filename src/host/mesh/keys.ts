import { globCovers } from '../../policy/glob.ts';
import { namespaceOf, placeOf } from '../../policy/namespace.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { OPERATOR } from '../../protocol/ids.ts';
import type { Permissions } from '../../protocol/permission.ts';

/** Who reads or writes, as far as the name of a thing depends on it. */
export interface MeshMember {
  readonly agentId: string;
  readonly team?: string | undefined;
  readonly permissions?: Permissions | undefined;
}

export const MAX_KEY = 512;

/**
 * The whole key of what an agent calls by its natural name: `tasks/x` is `teams/<team>/tasks/x` to a member of a team and
 * `teams/<agent>/tasks/x` to an agent alone. The operator's own are under `global/`.
 */
export function wholeKey(name: string, { agentId, team }: MeshMember): string {
  const key = isWhole(name) ? name : `${agentId === OPERATOR ? 'global/' : namespaceOf({ agentId, team })}${name}`;
  if (
    key.length <= MAX_KEY &&
    /^[\w.\-/*:@ ]+$/.test(key) &&
    !/(?:^|\/)\.{0,2}(?:\/|$)/.test(key.replace(/\*$/, 'x'))
  ) {
    return key;
  }
  throw new HoldfastError('tool.bad-input', `${JSON.stringify(name.slice(0, 80))} is no key of the blackboard.`, {
    remedy: `Use up to ${MAX_KEY} letters, digits and . _ - : @ between slashes, such as tasks/research_1.`,
  });
}

const isWhole = (name: string): boolean => name.startsWith('teams/') || name.startsWith('global/');

/** A row that nobody may overwrite or remove: its namespace only grows. */
export const isHistory = (key: string): boolean => /^(?:teams\/[^/]+\/|global\/)?history\//.test(key);

/** Whether what lies under this key may be shown to the agent. Each row of a listing is asked by its own key. */
export function mayRead(key: string, member: MeshMember): boolean {
  const isOperator = member.agentId === OPERATOR;
  const place = placeOf(key, { agentId: member.agentId, team: member.team, isOperator });
  if (place.kind === 'own-output') return true;
  if (place.kind !== 'own') return false;
  const globs = member.permissions?.blackboard_read ?? [];
  return globs.some((glob) => globCovers(glob, key) || globCovers(glob, place.natural));
}
