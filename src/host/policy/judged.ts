import type { CompiledGrant } from '../../policy/grant.ts';
import type { GateRequest } from '../../policy/request.ts';
import { JsonValue } from '../../protocol/json.ts';
import type { Judged } from '../../protocol/policy-change.ts';

/** What a decision depends on beside the run itself, in the form that the journal keeps. */
export function judgedFrom(call: GateRequest, held: readonly CompiledGrant[]): Judged {
  const { tool, risk, principal } = call;
  const resources = call.resources.map((resource) => JsonValue.parse(JSON.parse(JSON.stringify(resource))));
  const grants = held.map(({ subjects: _subjects, ...grant }) => ({ ...grant, allows: [...grant.allows] }));
  return { tool, risk, principal, resources, ...(grants.length === 0 ? {} : { grants }) };
}
