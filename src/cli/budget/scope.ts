import { BUDGET_SCOPES, type BudgetScopeKind, EVERY_ID, ORG_ID, ScopeId } from '../../protocol/budget.ts';
import { HoldfastError } from '../../protocol/error.ts';

export interface ScopeArgument {
  readonly kind: BudgetScopeKind;
  readonly id: string;
}

/** `org`, `team:research`, `run:*`, `task:…`, `agent:operator`, or just `operator`; nothing: every agent. */
export function readScope(text: string | undefined): ScopeArgument {
  if (text === undefined) return { kind: 'agent', id: EVERY_ID };
  if (text === ORG_ID) return { kind: 'org', id: ORG_ID };
  const colon = text.indexOf(':');
  const kind = BUDGET_SCOPES.find((known) => known === text.slice(0, colon));
  const id = ScopeId.safeParse(kind === undefined ? text : text.slice(colon + 1));
  if (id.success && kind !== 'org' && (kind !== undefined || colon === -1))
    return { kind: kind ?? 'agent', id: id.data };
  throw new HoldfastError('bad-request', `${JSON.stringify(text)} is no scope`, {
    remedy:
      'Give an agent, or org, team:NAME, run:ID or task:ID; * as the name stands for every one without its own cap.',
  });
}
