import type { RuleSubject, StandingGrant } from '../protocol/policy-rule.ts';
import type { Resource } from '../protocol/resource.ts';
import type { GateRequest } from './request.ts';
import { includes, namesOf, subjectsOf } from './subject.ts';

/** A standing grant with its lines read once. */
export interface CompiledGrant extends StandingGrant {
  readonly subjects: readonly RuleSubject[];
}

export const compileGrant = (grant: StandingGrant): CompiledGrant => ({ ...grant, subjects: subjectsOf(grant.allows) });

/** Whether this grant answers the question about this resource: it must name all of it, for this caller, now. */
export function answers(
  grant: CompiledGrant,
  resource: Resource,
  { request, now }: { request: GateRequest; now: number },
) {
  if (grant.agentId !== request.agentId || (grant.tool !== undefined && grant.tool !== request.tool)) return false;
  if (grant.principal !== undefined && grant.principal !== request.principal) return false;
  if (grant.expiresAt !== undefined && grant.expiresAt <= now) return false;
  const parts = namesOf(resource);
  return parts.length > 0 && parts.every((part) => grant.subjects.some((subject) => includes(subject, part)));
}
