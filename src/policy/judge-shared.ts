import type { Resource } from '../protocol/resource.ts';
import type { GateFacts } from './facts.ts';
import { type Finding, pass, refuse } from './finding.ts';
import { globCovers } from './glob.ts';
import { namespaceOf, placeOf } from './namespace.ts';
import type { GateRequest } from './request.ts';

/**
 * Blackboard and topics: first whose it is, then whether it was granted. Grants may be written with the whole key or as
 * the name within the own namespace (`tasks/*`). A key with a star is a listing or a watch: all it could match must be
 * granted, so no prefix is wider than its rows.
 */
type Blackboard = Extract<Resource, { kind: 'blackboard' }>;

export function judgeBlackboard({ key, act }: Blackboard, request: GateRequest, facts: GateFacts): Finding {
  const place = placeOf(key, memberOf(request, facts));
  const writes = act === 'write';
  if (place.kind === 'mailbox') {
    return writes
      ? pass('blackboard.mailbox', 'Everyone may leave a task for the operator.')
      : refuse('blackboard.mailbox', 'Only the operator reads its mailbox.', 'Ask the operator.');
  }
  if (place.kind === 'own-output') return pass('blackboard.own-output', 'It is its own output.');
  if (place.kind === 'foreign') return foreign(`the blackboard key ${key}`, place.owner, request, facts);
  const field = writes ? 'blackboard_write' : 'blackboard_read';
  const by = facts.permissions[field].find((glob) => globCovers(glob, key) || globCovers(glob, place.natural));
  if (by !== undefined) return pass('blackboard.granted', `${field} holds ${by}.`);
  return refuse(
    'blackboard.not-granted',
    `It may not ${act} the blackboard key ${key}.`,
    `Add ${place.natural} to ${field} of the agent.`,
  );
}

export function judgeTopic(
  { name, act }: Extract<Resource, { kind: 'topic' }>,
  request: GateRequest,
  facts: GateFacts,
): Finding {
  const place = placeOf(name, memberOf(request, facts));
  if (place.kind !== 'own') {
    return foreign(`the topic ${name}`, place.kind === 'foreign' ? place.owner : 'the operator', request, facts);
  }
  const field = act === 'publish' ? 'can_publish' : 'can_subscribe';
  const by = facts.permissions[field].find((glob) => globCovers(glob, name) || globCovers(glob, place.natural));
  if (by !== undefined) return pass('topics.granted', `${field} holds ${by}.`);
  return refuse(
    'topics.not-granted',
    `It may not ${act} the topic ${name}.`,
    `Add ${place.natural} to ${field} of the agent.`,
  );
}

const memberOf = ({ agentId }: GateRequest, { team, isOperator }: GateFacts) => ({ agentId, team, isOperator });

function foreign(what: string, owner: string, request: GateRequest, { team }: GateFacts): Finding {
  return refuse(
    'teams.other-namespace',
    `${what} belongs to ${owner}; ${request.agentId} has ${namespaceOf({ agentId: request.agentId, team })}.`,
    'Use its own namespace, or leave a task for the operator in global/tasks/operator/.',
  );
}
