import type { KeyAction, Role } from '../../protocol/people.ts';

/**
 * What each role may do, route by route. A route without a rule, here or in its own `access`, is refused to everybody but
 * the owner, and a test looks for such routes in a running host: who adds a route has to decide who may use it.
 */
export interface RouteRule {
  /** The least role. `anyone`: whoever is signed in, also with a key of any kind. */
  readonly least: Role | 'anyone';
  /** What a key needs. Absent: no key may, whatever it was made for. */
  readonly action?: KeyAction;
  /**
   * What the `{id}` of the path is. Members and viewers may name only what is theirs or shared with them; to write
   * (`own`) it must be theirs. Anything else does not exist for them. `agent`: a key must have been made for it.
   */
  readonly of?: 'run' | 'session' | 'message' | 'approval' | 'artifact' | 'blob' | 'agent';
  readonly own?: true;
}

const read = { least: 'viewer', action: 'read' } as const;
const send = { least: 'member', action: 'send' } as const;
const seeAll = { least: 'admin', action: 'read' } as const;
const manage = { least: 'admin', action: 'manage' } as const;
const person = { least: 'viewer' } as const;
const admin = { least: 'admin' } as const;
const owner = { least: 'owner' } as const;

export const ROUTE_RULES: Readonly<Record<string, RouteRule>> = {
  'get /api/session': { least: 'anyone' },
  'post /api/logout': person,
  'get /api/events': read,
  'get /api/status': read,
  'post /api/doctor': admin,
  'get /api/agents': read,
  'get /api/agents/{id}': { ...read, of: 'agent' },
  'post /api/agents/{id}/messages': { ...send, of: 'agent' },
  'get /api/worker-templates': read,
  'get /api/budgets': seeAll,
  'get /api/spending': seeAll,
  'get /api/sessions': read,
  'post /api/sessions': send,
  'get /api/sessions/{id}/history': { ...read, of: 'session' },
  'put /api/sessions/{id}/mode': { ...send, of: 'session', own: true },
  'get /api/messages/{id}': { ...read, of: 'message' },
  'get /api/runs': read,
  'get /api/runs/{id}': { ...read, of: 'run' },
  'get /api/runs/{id}/events': { ...read, of: 'run' },
  'post /api/runs/{id}/cancel': { ...send, of: 'run', own: true },
  'post /api/runs/{id}/steer': { ...send, of: 'run', own: true },
  'get /api/agents/{id}/queue': { ...seeAll, of: 'agent' },
  'get /api/blackboard': seeAll,
  'put /api/blackboard': manage,
  'delete /api/blackboard': manage,
  'get /api/tasks': seeAll,
  'post /api/tasks/{id}/cancel': manage,
  'post /api/broadcast': manage,
  'get /api/approvals': read,
  'post /api/approvals/{id}': { least: 'member', of: 'approval', own: true },
  'get /api/artifacts': read,
  'get /api/artifacts/{id}/content': { ...read, of: 'artifact' },
  'get /api/blobs/{hash}': { ...read, of: 'blob' },

  'post /api/agents': manage,
  'get /api/agents/{id}/config': { ...seeAll, of: 'agent' },
  'post /api/agents/{id}/config': { ...manage, of: 'agent' },
  'post /api/agents/{id}/clone': { ...manage, of: 'agent' },
  'get /api/agents/{id}/prompt': { ...seeAll, of: 'agent' },
  'post /api/agents/{id}/archive': { ...manage, of: 'agent' },
  'post /api/agents/{id}/restore': { ...manage, of: 'agent' },
  'delete /api/agents/{id}': { ...manage, of: 'agent' },
  'get /api/agents/{id}/revisions': { ...seeAll, of: 'agent' },
  'post /api/agents/{id}/undo': { ...manage, of: 'agent' },
  'get /api/agents/{id}/files': { ...seeAll, of: 'agent' },
  'post /api/agents/{id}/files/{name}': { ...manage, of: 'agent' },
  'get /api/agents/{id}/files/{name}/versions': { ...seeAll, of: 'agent' },
  'post /api/agents/{id}/files/{name}/revert': { ...manage, of: 'agent' },
  'get /api/policy/agents/{id}': { ...seeAll, of: 'agent' },
  'get /api/policy/explain': seeAll,
  'post /api/policy/try': admin,
  'get /api/grants': admin,
  'delete /api/grants/{id}': admin,
  'post /api/confirmations': { least: 'member' },
  'get /api/policy/exceptions': admin,
  'post /api/policy/exceptions': admin,
  'delete /api/policy/exceptions/{id}': admin,
  'get /api/activity': seeAll,
  'get /api/plans': seeAll,
  'get /api/teams': seeAll,
  'post /api/teams': manage,
  'post /api/teams/preview': manage,
  'get /api/team-templates': seeAll,
  'get /api/teams/{id}': seeAll,
  'post /api/teams/{id}': manage,
  'delete /api/teams/{id}': manage,
  'get /api/teams/{id}/file': seeAll,
  'post /api/teams/{id}/members': manage,
  'delete /api/teams/{id}/members/{agent}': manage,
  'post /api/worker-templates': manage,
  'delete /api/worker-templates/{id}': manage,
  'get /api/worker-templates/problems': seeAll,
  'post /api/worker-templates/{id}/undo': manage,
  'get /api/credentials': admin,
  'get /api/vault-identity': admin,
  'get /api/owner-keys': admin,
  'get /api/owner-changes': admin,
  'post /api/owner-changes': admin,

  'get /api/audit': admin,
  'get /api/audit/status': admin,
  'post /api/audit/anchor': admin,
  'get /api/audit/export': admin,
  'post /api/audit/chains': owner,
  'get /api/freeze': read,
  'post /api/freeze': admin,
  'post /api/freeze/resume': admin,
  'post /api/login-links': owner,
  'post /api/database-copies': owner,
  'get /api/tokens': owner,
  'post /api/tokens': owner,
  'delete /api/tokens/{id}': owner,

  'get /api/people': admin,
  'post /api/people': admin,
  'post /api/people/{id}/role': admin,
  'delete /api/people/{id}': admin,
  'post /api/people/{id}/invitations': admin,
  'get /api/sessions/{id}/shares': { ...person, of: 'session', own: true },
  'post /api/sessions/{id}/shares': { least: 'member', of: 'session', own: true },
  'delete /api/sessions/{id}/shares/{person}': { least: 'member', of: 'session', own: true },
  'get /api/keys': { least: 'member' },
  'post /api/keys': { least: 'member' },
  'delete /api/keys/{id}': { least: 'member' },
  'post /api/pairing-codes': { least: 'member' },
  'get /api/senders': admin,
  'post /api/senders': admin,
  'delete /api/senders/{channel}/{address}': admin,
  'post /api/second-factor': person,
  'post /api/second-factor/confirm': person,
  'delete /api/second-factor': person,
};
