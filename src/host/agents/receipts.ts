import { EditAgent } from '../../protocol/agent.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { JsonValue } from '../../protocol/json.ts';
import type { Statement } from '../../storage/store.ts';
import type { Changes, Restore } from '../changes/changes.ts';
import type { AgentChangeNote } from './agent-changes.ts';
import type { Agents } from './agents.ts';
import { type AgentState, changedFields } from './revisions.ts';

/** Each change of an agent's fields gets a receipt that takes it back for a while, in the unit of the change. */
export function receiptsOf({ agentId, before, after, by }: AgentChangeNote, changes: Changes): Statement[] {
  if (before === undefined) return [];
  const fields = changedFields(before, after).filter((field) => field !== 'team');
  return fields.map((field) => {
    const change = { before: fieldOf(before, field), after: fieldOf(after, field) };
    return changes.record({ targetKind: 'agent', target: agentId, field, ...change, by }).statement;
  });
}

/** How a receipt puts a field back: as a change of its own. */
export function restoreField(agents: Agents): Restore {
  return async ({ target, field, value, by }) => {
    if (field === 'status') {
      if (value === 'archived') await agents.archive(target, by);
      else if (value === 'active') await agents.restore(target, by);
      return;
    }
    const change = EditAgent.safeParse({ [field]: value });
    if (!change.success) throw new HoldfastError('conflict', `The ${field} of ${target} cannot be put back.`);
    await agents.edit(target, change.data, by);
  };
}

const fieldOf = (state: AgentState, field: keyof AgentState): JsonValue =>
  JSON.parse(JSON.stringify(Reflect.get(state, field) ?? null)) as JsonValue;
