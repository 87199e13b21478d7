import type { Decision } from '../protocol/decision.ts';
import { cardOf } from './card.ts';
import { consider } from './consider.ts';
import type { GateFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import type { GateRequest } from './request.ts';

/**
 * The gate. Pure: every effect passes here before it happens, and the same request with the same facts always gets the
 * same answer. Default deny: a tool that was not granted by name, and a thing that no permission names, is refused. The
 * first refusal decides; without one, everything that needs a person is asked at once.
 */
export function decide(request: GateRequest, facts: GateFacts): Decision {
  const asked: Finding[] = [];
  for (const finding of consider(request, facts)) {
    if (finding.verdict === 'deny') {
      return { kind: 'deny', rule: finding.rule, reason: finding.why, unlock: finding.unlock };
    }
    if (finding.verdict === 'ask') asked.push(finding);
  }
  return unattended(permitted(request, asked), facts.unattended);
}

function permitted(request: GateRequest, asked: readonly Finding[]): Decision {
  const [first] = asked;
  if (first === undefined) return { kind: 'allow', rule: `tools.${request.risk}` };
  return { kind: 'ask', rule: first.rule, card: cardOf(request, asked) };
}

/** A question that nobody is there to answer is a no where the deployment says so. */
export function unattended(decision: Decision, policy: GateFacts['unattended']): Decision {
  if (decision.kind !== 'ask' || policy?.questions !== 'deny') return decision;
  return {
    kind: 'deny',
    rule: 'unattended.no-questions',
    reason: `Nobody is there to answer: ${decision.card.title}.`,
    unlock: 'Allow it for this agent beforehand, or set policy.unattended.questions to wait.',
  };
}
