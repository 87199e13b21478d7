import { matchGlob } from '../../policy/glob.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { isAtLeast, type KeyView, type Role } from '../../protocol/people.ts';
import type { Ownership } from '../people/ownership.ts';
import { ROUTE_RULES, type RouteRule } from './route-rules.ts';

/** Who calls, as far as roles are concerned. */
export interface CallerRights {
  readonly person: string;
  readonly role: Role;
  readonly key: KeyView | undefined;
}

export interface RouteCall {
  readonly method: string;
  /** As the table has it, with its `{…}`. */
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** What the route says of itself; absent: the table's. */
  readonly rule?: RouteRule | undefined;
}

/**
 * Asked before every handler. Answers with whose eyes the handler has to look through: a person's, or `undefined` for
 * somebody who sees everything. Throws `forbidden` where the role or the key is not enough, and `not-found` where the
 * thing is somebody else's, exactly as if it were not there.
 */
export type Authorize = (caller: CallerRights, call: RouteCall) => Promise<string | undefined>;

export function createAuthorize(ownership: Ownership): Authorize {
  return async (caller, call) => {
    const rule = call.rule ?? ROUTE_RULES[`${call.method} ${call.path}`] ?? OWNER_ONLY;
    if (rule.least !== 'anyone' && !isAtLeast(caller.role, rule.least)) throw notYourRole(caller, rule.least);
    checkKey(caller.key, rule, call);
    const viewer = isAtLeast(caller.role, 'admin') ? undefined : caller.person;
    await checkThing({ viewer, key: caller.key }, { rule, call, ownership });
    await checkList(caller.key, call, ownership);
    return viewer;
  };
}

/** A route nobody thought about. */
const OWNER_ONLY: RouteRule = { least: 'owner' };

function checkKey(key: KeyView | undefined, { least, action, of }: RouteRule, { params }: RouteCall): void {
  if (key === undefined || key.actions === null || least === 'anyone') return;
  if (action === undefined || !key.actions.includes(action)) {
    throw new HoldfastError(
      'forbidden',
      `The key ${key.name} was not made for this${action === undefined ? '' : ` (${action})`}.`,
      {
        remedy: 'Make one for it: holdfast keys create',
      },
    );
  }
  if (of === 'agent') mustBeOfKey(key, params['id'] ?? '');
}

export function mustBeOfKey(key: KeyView | undefined, agentId: string): void {
  if (key?.agents === null || key === undefined) return;
  if (key.agents.some((glob) => matchGlob(glob, agentId))) return;
  throw new HoldfastError('forbidden', `The key ${key.name} was not made for the agent ${agentId.slice(0, 64)}.`);
}

interface Eyes {
  readonly viewer: string | undefined;
  readonly key: KeyView | undefined;
}

async function checkThing(
  { viewer, key }: Eyes,
  { rule, call, ownership }: { rule: RouteRule; call: RouteCall; ownership: Ownership },
): Promise<void> {
  const { of, own } = rule;
  if (of === undefined || of === 'agent') return;
  const id = call.params['id'] ?? call.params['hash'] ?? '';
  if (viewer !== undefined && !(await ownership.sees(viewer, { of, id, own: own === true }))) throw notThere(of, id);
  if (key !== undefined && key.agents !== null && !(await ownership.isOfAgents({ of, id }, key.agents)))
    throw notThere(of, id);
}

const LISTS = ['/api/runs', '/api/sessions', '/api/approvals', '/api/artifacts', '/api/events'];

/** A key that was made for some agents sees no list of all: it has to say of what it wants one. */
async function checkList(
  key: KeyView | undefined,
  { method, path, query }: RouteCall,
  ownership: Ownership,
): Promise<void> {
  if (key === undefined || key.agents === null || method !== 'get' || !LISTS.includes(path)) return;
  const { agentId, sessionId, runId } = query;
  if (agentId !== undefined) return mustBeOfKey(key, agentId);
  const thing =
    sessionId !== undefined ? ({ of: 'session', id: sessionId } as const) : { of: 'run' as const, id: runId ?? '' };
  if (await ownership.isOfAgents(thing, key.agents)) return;
  throw new HoldfastError('forbidden', `The key ${key.name} was made for some agents only.`, {
    remedy: 'Ask for one of them: agentId, sessionId or runId in the query.',
  });
}

function notThere(of: string, id: string): HoldfastError {
  return new HoldfastError('not-found', `There is no ${of} ${id.slice(0, 100)}.`);
}

function notYourRole({ role }: CallerRights, least: Role): HoldfastError {
  return new HoldfastError(
    'forbidden',
    `This is for ${least === 'owner' ? 'the owner' : `${least}s and above`}; you are ${role}.`,
    {
      remedy: 'Ask the owner: holdfast people role',
    },
  );
}
