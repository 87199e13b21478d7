/**
 * Whose part of the blackboard (and of the topics) a name belongs to. Teams and solo agents share one space of names:
 * `teams/<team>/…` belongs to a team and all its members, `teams/<agent>/…` to an agent alone. Beside them there are two
 * conventions under `global/`: the operator's mailbox, which all may write and only the operator reads, and an agent's
 * output, which it writes and only it and the operator read. Every row is judged by its own name, never by the prefix
 * that a listing asks for.
 */
export interface Member {
  readonly agentId: string;
  readonly team: string | undefined;
  readonly isOperator: boolean;
}

const MAILBOX = 'global/tasks/operator/';
const OUTPUT = 'global/output/';

/** The prefix of what an agent shares with nobody, or with its team. */
export const namespaceOf = ({ agentId, team }: Pick<Member, 'agentId' | 'team'>): string => `teams/${team ?? agentId}/`;

export type Place =
  /** `natural`: the name within the namespace. */
  | { readonly kind: 'own'; readonly natural: string }
  | { readonly kind: 'mailbox' }
  | { readonly kind: 'own-output' }
  | { readonly kind: 'foreign'; readonly owner: string };

/** What a name is to this agent. The operator belongs to no team, and every name is its own. */
export function placeOf(name: string, member: Member): Place {
  if (member.isOperator) return { kind: 'own', natural: name };
  for (const namespace of [namespaceOf(member), `teams/${member.agentId}/`]) {
    if (isBelow(name, namespace)) return { kind: 'own', natural: name.slice(namespace.length) };
  }
  if (isBelow(name, MAILBOX)) return { kind: 'mailbox' };
  if (isBelow(name, `${OUTPUT}${member.agentId}/`)) return { kind: 'own-output' };
  return { kind: 'foreign', owner: ownerOf(name) };
}

/** A name that climbs is nobody's; a listing or a watch of the whole namespace (`teams/x/*`) is within it. */
function isBelow(name: string, prefix: string): boolean {
  return name.startsWith(prefix) && !/(?:^|\/)\.{1,2}(?:\/|$)/.test(name);
}

function ownerOf(name: string): string {
  const [first, second] = name.split('/');
  if (first === 'teams' && second !== undefined) return second;
  return first === 'global' ? 'the operator' : 'nobody';
}
