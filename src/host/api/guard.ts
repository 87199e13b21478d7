import { HoldfastError } from '../../protocol/error.ts';
import { type KeyView, OWNER_PERSON, type Role } from '../../protocol/people.ts';
import type { Access } from '../access/access.ts';
import type { Principal } from '../control.ts';
import type { Roster } from '../people/roster.ts';
import type { Origins } from './origins.ts';
import { cookieOf, type RequestFacts } from './request-facts.ts';

/**
 * The door of the API. Three questions, in this order, asked of every request and every WebSocket upgrade:
 *
 * 1. `checkAddress`: was it sent to a name of ours, and not by a page of somebody else's? (DNS rebinding, cross-origin
 *    requests; there are no CORS headers, so no page but ours can read anything either.)
 * 2. `authenticate`: who is it? The unix socket is the owner; a bearer token is a program; a cookie is a browser.
 * 3. Changes with a cookie need the CSRF token of that login and the browser's word that our own page sent them.
 *
 * The unix socket refuses whatever a browser might have sent, in case somebody forwards it to a TCP port.
 */
export const LOGIN_COOKIE = 'holdfast_session';
export const CSRF_HEADER = 'x-holdfast-csrf';

export interface Caller {
  readonly principal: Principal;
  /** Whose rights it has: for a key, those of its person at most. */
  readonly person: string;
  readonly role: Role;
  readonly key: KeyView | undefined;
  /** Whose end ends this caller's streams; the owner at the socket has none. */
  readonly subject: string | undefined;
  readonly cookie: string | undefined;
  readonly expiresAt: number | undefined;
}

export interface Guard {
  checkAddress(facts: RequestFacts): void;
  authenticate(facts: RequestFacts): Promise<Caller>;
}

const SAFE_METHODS: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

export interface GuardDeps {
  readonly access: Access;
  readonly origins: Origins;
  /** Who has which role. Default: there is nobody but the owner. */
  readonly roster?: Pick<Roster, 'get'>;
}

const OWNER_ALONE: Pick<Roster, 'get'> = {
  get: (id) =>
    id === OWNER_PERSON ? { id, name: OWNER_PERSON, role: 'owner', createdAt: 0, lastSeenAt: null } : undefined,
};

export function createGuard({ access, origins, roster = OWNER_ALONE }: GuardDeps): Guard {
  return {
    checkAddress: (facts) => (facts.door === 'socket' ? checkNotABrowser(facts) : checkTcp(facts, origins)),
    authenticate: async (facts) => {
      if (facts.door === 'socket') return callerAtSocket();
      const authorization = facts.header('authorization');
      if (authorization !== undefined) return programOf({ access, roster }, facts, authorization);
      const cookie = cookieOf(facts, LOGIN_COOKIE);
      if (cookie === undefined) throw unauthenticated('You are not signed in.');
      return browserOf({ access, roster }, facts, cookie);
    },
  };
}

function checkNotABrowser(facts: RequestFacts): void {
  if (facts.header('origin') === undefined && facts.header('sec-fetch-site') === undefined) return;
  throw new HoldfastError('forbidden', "The host's unix socket does not serve browsers.", {
    remedy: 'Open the address that `holdfast status` prints instead of forwarding the socket.',
  });
}

function checkTcp(facts: RequestFacts, origins: Origins): void {
  const host = facts.header('host');
  if (facts.count('host') !== 1 || !origins.isHost(host)) {
    throw new HoldfastError('forbidden', `Requests for ${quoted(host)} are not answered here.`, {
      remedy: `Use ${origins.url}. A name of your own is set as server.publicUrl in config.json.`,
    });
  }
  const origin = facts.header('origin');
  const site = facts.header('sec-fetch-site');
  const foreign = origin !== undefined && !origins.isOrigin(origin, host);
  if (foreign || (isForeignSite(site) && !isNavigation(facts))) {
    throw new HoldfastError('forbidden', `Requests from ${quoted(origin ?? `a ${site} page`)} are refused.`, {
      remedy: 'Only the dashboard of this host may call its API from a browser.',
    });
  }
}

/** A link from elsewhere may open the dashboard or the login page, never the API. */
function isNavigation(facts: RequestFacts): boolean {
  const opens = facts.header('sec-fetch-mode') === 'navigate' && facts.header('sec-fetch-dest') === 'document';
  return opens && facts.method === 'GET' && !facts.path.startsWith('/api/');
}

/** `same-site` is another port of this machine: not ours. */
function isForeignSite(site: string | undefined): boolean {
  return site !== undefined && site !== 'same-origin' && site !== 'none';
}

function callerAtSocket(): Caller {
  const owner = { person: OWNER_PERSON, role: 'owner', key: undefined } as const;
  const principal = { id: OWNER_PERSON, surface: 'cli' };
  return { ...owner, principal, subject: undefined, cookie: undefined, expiresAt: undefined };
}

type Known = { readonly access: Access; readonly roster: Pick<Roster, 'get'> };

async function programOf({ access, roster }: Known, facts: RequestFacts, authorization: string): Promise<Caller> {
  const token = /^Bearer ([\x21-\x7e]{1,200})$/i.exec(authorization)?.[1];
  if (token === undefined) throw unauthenticated('The Authorization header is not `Bearer <token>`.');
  const bearer = await access.bearer(token, facts.address);
  if (bearer.kind === 'limited') throw tooManyFailures(bearer.waitMs);
  const person = bearer.kind === 'token' ? roster.get(bearer.key.person) : undefined;
  if (bearer.kind === 'refused' || person === undefined) throw unauthenticated('This token is unknown or was revoked.');
  return {
    principal: { id: bearer.key.id, surface: 'token', person: person.id },
    person: person.id,
    role: person.role,
    key: bearer.key,
    subject: bearer.key.id,
    cookie: undefined,
    expiresAt: bearer.key.expiresAt ?? undefined,
  };
}

async function browserOf({ access, roster }: Known, facts: RequestFacts, cookie: string): Promise<Caller> {
  const login = await access.login(cookie);
  const person = login === undefined ? undefined : roster.get(login.person);
  if (login === undefined || person === undefined) throw unauthenticated('Your login has ended.');
  if (!login.verified) throw unauthenticated('Your login waits for the code of your second factor.');
  if (!SAFE_METHODS.includes(facts.method)) checkCsrf(access, facts, cookie);
  return {
    principal: { id: person.id, surface: 'web' },
    person: person.id,
    role: person.role,
    key: undefined,
    subject: login.subject,
    cookie,
    expiresAt: login.expiresAt,
  };
}

/** `checkAddress` has already compared a given Origin with ours; here one of the two must be given. */
function checkCsrf(access: Access, facts: RequestFacts, cookie: string): void {
  const fromOurPage = facts.header('origin') !== undefined || facts.header('sec-fetch-site') === 'same-origin';
  if (fromOurPage && access.checkCsrf(cookie, facts.header(CSRF_HEADER))) return;
  throw new HoldfastError('forbidden', `The request lacks a valid ${CSRF_HEADER} header or its Origin.`, {
    remedy: 'Reload the dashboard. Programs use a bearer token instead of a cookie.',
  });
}

function tooManyFailures(waitMs: number): HoldfastError {
  return new HoldfastError('rate-limited', 'Too many failed attempts.', {
    remedy: `Wait ${Math.ceil(waitMs / 1_000)} seconds, then try again.`,
    retryAfterMs: waitMs,
    retryable: true,
  });
}

function unauthenticated(message: string): HoldfastError {
  return new HoldfastError('unauthenticated', message, {
    remedy: 'Type `holdfast dashboard` for a new login link; programs send a token made with `holdfast token create`.',
  });
}

/** A value of a stranger's request inside a message: short and printable. */
function quoted(value: string | undefined): string {
  return value === undefined ? 'no host' : `"${value.replace(/[^\x20-\x7e]/g, '?').slice(0, 100)}"`;
}
