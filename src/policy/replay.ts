import type { Decision } from '../protocol/decision.ts';
import { decide, unattended } from './decide.ts';
import type { GateFacts } from './facts.ts';
import { combineDecisions, isFlowRule } from './flow.ts';
import type { GateRequest } from './request.ts';

/**
 * Decides a recorded call again under other rules. What labels said then is kept, since no rule that can be tried here
 * changes what a model had read; where the matrix refused at once, labels had no say and have none now.
 */
export function replay(request: GateRequest, facts: GateFacts, recorded: Decision): Decision {
  const decision = decide(request, facts);
  return isFlowRule(recorded.rule) ? unattended(combineDecisions(decision, recorded), facts.unattended) : decision;
}

/** In a sentence, whatever kind it is. */
export function reasonOf(decision: Decision): string {
  if (decision.kind === 'deny') return decision.reason;
  return decision.kind === 'ask' ? decision.card.title : 'Allowed.';
}
