import type { Decision } from '../protocol/decision.ts';
import type { ConsideredRule, Explanation } from '../protocol/explanation.ts';
import { consider } from './consider.ts';
import { decide } from './decide.ts';
import { describeResource } from './describe-resource.ts';
import type { GateFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import type { GateRequest } from './request.ts';

/** The same walk as `decide`, to its end: every rule in order, which one decided, and what would change the answer. */
export function explain(request: GateRequest, facts: GateFacts): Explanation {
  const findings = [...consider(request, facts)];
  const decision = decide(request, facts);
  const decisive = decisiveOf(findings, decision);
  const considered: ConsideredRule[] = findings.map((finding) => ({
    rule: finding.rule,
    about:
      finding.resource === undefined ? `${request.tool} by ${request.agentId}` : describeResource(finding.resource),
    verdict: finding.verdict,
    why: finding.why,
    decided: decisive.includes(finding),
  }));
  if (decision.rule === 'unattended.no-questions' && decision.kind === 'deny') {
    considered.push({ rule: decision.rule, about: 'the run', verdict: 'deny', why: decision.reason, decided: true });
  }
  return { decision, considered, changes: changesOf(findings, decision, request) };
}

function decisiveOf(findings: readonly Finding[], decision: Decision): readonly Finding[] {
  const refusal = findings.find(({ verdict }) => verdict === 'deny');
  if (refusal !== undefined) return [refusal];
  if (decision.kind === 'deny') return [];
  const asked = findings.filter(({ verdict }) => verdict === 'ask');
  return asked.length > 0 ? asked : findings.filter(({ rule }) => rule === decision.rule);
}

/** Every refusal has to go before the answer is yes, not just the first one. */
function changesOf(findings: readonly Finding[], decision: Decision, request: GateRequest): string[] {
  if (decision.kind === 'allow') {
    return [
      `To refuse it: add ${request.tool} to denied_tools of ${request.agentId}, or tool:${request.tool} to policy.floor.never.`,
    ];
  }
  const against = findings.filter(({ verdict }) => verdict !== 'pass').map(({ unlock }) => unlock);
  const own = decision.kind === 'deny' && decision.rule === 'unattended.no-questions' ? [decision.unlock] : [];
  return [...new Set([...against, ...own])];
}
