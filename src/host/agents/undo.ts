import { HoldfastError } from '../../protocol/error.ts';
import type { Agent } from './agent.ts';
import { type AgentChangeKind, type AgentState, type StoredRevision, sameValue, stateOf } from './revisions.ts';

/**
 * What taking one change back would set: only the fields that it set, and only while they still are as it left them.
 * Otherwise an undo could grant again what somebody has taken away since.
 */
export function takeBack(
  agent: Agent,
  revisions: readonly StoredRevision[],
  revision: number,
): { next: Partial<AgentState>; kind: AgentChangeKind } {
  const index = revisions.findIndex((one) => one.revision === revision);
  const [after, before] = [revisions[index], revisions[index + 1]];
  if (after === undefined) throw new HoldfastError('not-found', `The agent ${agent.id} has no change ${revision}.`);
  if (before === undefined) {
    throw new HoldfastError('conflict', `Change ${revision} made the agent ${agent.id}; it cannot be taken back.`, {
      remedy: `Remove the agent instead: holdfast agents remove ${agent.id}`,
    });
  }
  const now = stateOf(agent);
  const later = after.fields.filter((field) => !sameValue(Reflect.get(now, field), Reflect.get(after.state, field)));
  if (later.length > 0) {
    const names = later.join(', ');
    throw new HoldfastError('conflict', `Change ${revision} of ${agent.id} was changed again since: ${names}.`, {
      remedy: 'Undo the later change first, or edit the agent.',
    });
  }
  const next = Object.fromEntries(after.fields.map((field) => [field, Reflect.get(before.state, field)]));
  const comesBack = now.status !== 'active' && before.state.status === 'active';
  return { next, kind: comesBack ? 'restored' : 'updated' };
}
