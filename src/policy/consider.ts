import { isClean, revealText } from '../protocol/clean-text.ts';
import type { Resource } from '../protocol/resource.ts';
import type { Risk } from '../protocol/tool.ts';
import { describeResource } from './describe-resource.ts';
import type { GateFacts } from './facts.ts';
import { type Finding, pass, refuse } from './finding.ts';
import { type CompiledRule, riskNamed, toolNamed } from './floor.ts';
import { matchGlob } from './glob.ts';
import { answers } from './grant.ts';
import { judgeResource } from './judge-resource.ts';
import type { GateRequest } from './request.ts';
import { riskClass } from './risk-class.ts';
import { namesOf } from './subject.ts';

/** The coordinator only plans and delegates: it has no tool that acts, whatever its grants say. */
const OPERATOR_RISKS: readonly Risk[] = ['control'];

/**
 * Every rule that has a say in one call, in the order that counts: what nothing overrides, then the tool, then each thing
 * it would touch. `decide` takes the first refusal, else all questions; `explain` shows the whole list.
 */
export function* consider(request: GateRequest, facts: GateFacts): Generator<Finding, void, undefined> {
  yield judgeFloor(request, facts);
  yield judgeTool(request, facts);
  yield judgeOperator(request, facts);
  for (const resource of request.resources) {
    const finding = judgeName(resource) ?? judgeResource(resource, request, facts);
    yield { ...(finding.verdict === 'ask' ? applyGrants(finding, resource, { request, facts }) : finding), resource };
  }
}

function judgeFloor(request: GateRequest, { floor }: GateFacts): Finding {
  const own =
    floor.refuses(request.agentId, toolNamed(request.tool)) ?? floor.refuses(request.agentId, riskNamed(request.risk));
  if (own !== undefined) return refuseByFloor(own, `the tool ${request.tool} (${request.risk})`);
  for (const resource of request.resources) {
    for (const named of namesOf(resource)) {
      const rule = floor.refuses(request.agentId, named);
      if (rule !== undefined) return { ...refuseByFloor(rule, describeResource(resource)), resource };
    }
  }
  return pass(
    'floor',
    floor.size === 0 ? 'The floor has no rules.' : `None of the ${floor.size} rules of the floor names it.`,
  );
}

function refuseByFloor(rule: CompiledRule, what: string): Finding {
  return refuse(
    'floor.never',
    `The floor of this installation says never ${rule.text}; that is ${what}.${rule.why === undefined ? '' : ` ${rule.why}`}`,
    `Only whoever runs this installation can change it: policy.floor.never in config.json, then restart.`,
  );
}

function judgeTool({ tool, risk, agentId }: GateRequest, { tools, permissions }: GateFacts): Finding {
  const byName = tools.includes(tool);
  if (!byName && !tools.includes(riskClass(risk))) {
    return refuse(
      'tools.not-granted',
      `The tool ${tool} is not granted to ${agentId}.`,
      'Add the tool to the agent or worker template.',
    );
  }
  const denied = permissions.denied_tools.find((glob) => matchGlob(glob, tool));
  if (denied !== undefined) {
    return refuse('tools.denied', `denied_tools of ${agentId} holds ${denied}.`, `Remove ${denied} from denied_tools.`);
  }
  if (permissions.denied_risks.includes(risk)) {
    return refuse(
      'tools.risk-denied',
      `denied_risks of ${agentId} holds ${risk}, the risk of ${tool}.`,
      `Remove ${risk} from denied_risks.`,
    );
  }
  return pass(`tools.${risk}`, `The tool ${tool} is granted by ${byName ? 'name' : `its class, ${riskClass(risk)}`}.`);
}

function judgeOperator({ tool, risk }: GateRequest, { isOperator }: GateFacts): Finding {
  if (!isOperator) return pass('operator', 'It is not the operator’s own run.');
  if (OPERATOR_RISKS.includes(risk)) return pass('operator', `${tool} only plans and delegates.`);
  return refuse(
    'operator.no-side-effects',
    `The operator does not act itself; ${tool} is ${risk}.`,
    'Have a worker do it with spawn_worker.',
  );
}

/** A name that looks like another one could be approved, granted or written for it. */
function judgeName(resource: Resource): Finding | undefined {
  const texts = Object.values(resource).flat();
  const hidden = texts.find((text) => typeof text === 'string' && (!isClean(text) || /[\t\r\n]/.test(text)));
  if (hidden === undefined) return undefined;
  return refuse(
    'names.invisible',
    `${revealText(JSON.stringify(hidden))} holds characters that cannot be seen.`,
    'Use a name without them; rename the folder or file.',
  );
}

/** What a person allowed for longer answers a question that it names whole. */
function applyGrants(
  finding: Finding,
  resource: Resource,
  { request, facts }: { request: GateRequest; facts: GateFacts },
) {
  const grant = facts.grants.find((one) => answers(one, resource, { request, now: facts.now }));
  return grant === undefined ? finding : pass('grants.standing', `The standing grant ${grant.id} allows it.`);
}
