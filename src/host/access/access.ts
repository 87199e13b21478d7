import type { Clock } from '../../base/clock.ts';
import type { NewToken, TokenView } from '../../protocol/api.ts';
import { type KeyView, type MadeKey, type NewKey, OWNER_PERSON } from '../../protocol/people.ts';
import type { Store } from '../../storage/store.ts';
import type { AuditSink } from '../audit/sink.ts';
import type { Principal } from '../control.ts';
import { createFailureLimiter } from './failure-limiter.ts';
import { createFailureLog } from './failure-log.ts';
import {
  createLoginLinks,
  INVITATION_LIFETIME_MS,
  LINK_LIFETIME_MS,
  type LinkRefusal,
  type NewLink,
} from './login-links.ts';
import { createLogins, type Login } from './logins.ts';
import { csrfOf, equalSecrets, newSecret } from './secrets.ts';
import { createTokens, type Tokens } from './tokens.ts';

/**
 * Who may use the API: one-time links, the logins they start, and keys for programs. All secrets are 256 random bits, are
 * stored as hashes only and are compared in constant time. A caller that failed too often is not looked up at all with a
 * link; with a bearer token it is (a program with an old token must not lock out the others on this machine), but its
 * failures are answered `limited`. Every login, key and refusal has an audit row.
 */
export interface Access {
  /** For the owner's own browser. */
  createLink(): Promise<NewLink>;
  /** For somebody else's: it lasts a day. */
  invite(person: string, by: Principal): Promise<NewLink>;
  /** `caller` is the address that the failures are counted for. */
  redeem(secret: string, caller: string): Promise<Redeemed>;
  login(cookie: string): Promise<Login | undefined>;
  /** Makes an unverified login whole. The caller has checked the second factor. */
  verify(cookie: string, login: Login): Promise<void>;
  logout(cookie: string): Promise<void>;
  csrf(cookie: string): string;
  checkCsrf(cookie: string, given: string | undefined): boolean;
  createToken(note: string, by?: Principal): Promise<NewToken>;
  tokens(): Promise<TokenView[]>;
  revokeToken(id: string, by?: Principal): Promise<void>;
  createKey(key: NewKey, person: string, by: Principal): Promise<MadeKey>;
  /** `person`: only theirs. */
  keys(person: string | undefined): Promise<KeyView[]>;
  revokeKey(id: string, person: string | undefined, by: Principal): Promise<void>;
  bearer(token: string, caller: string): Promise<Bearer>;
  /** Called with the subject (a login's or a token's) whose right just ended, so that open streams can be closed. */
  onEnded(listener: (subject: string) => void): Disposable;
}

export type Redeemed =
  | { readonly kind: 'login'; readonly cookie: string; readonly login: Login }
  | { readonly kind: 'refused'; readonly reason: LinkRefusal }
  | { readonly kind: 'limited'; readonly waitMs: number };

export type Bearer =
  | { readonly kind: 'token'; readonly key: KeyView }
  | { readonly kind: 'refused' }
  | { readonly kind: 'limited'; readonly waitMs: number };

export interface AccessDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly audit: AuditSink;
  /** Whether a second factor is asked of this person. It may throw: then nobody is let in. Default: of nobody. */
  readonly needsFactor?: (person: string) => Promise<boolean>;
}

const FAILURE_LIMITS = { failures: 10, windowMs: 60_000, callers: 10_000 };
const OWNER_HERE: Principal = { id: OWNER_PERSON, surface: 'cli' };

export function createAccess(deps: AccessDeps): Access {
  const { store, audit, needsFactor = async () => false } = deps;
  const links = createLoginLinks(deps);
  const logins = createLogins(deps);
  const tokens = createTokens(deps);
  const linkFailures = createFailureLimiter(FAILURE_LIMITS, deps.clock);
  const tokenFailures = createFailureLimiter(FAILURE_LIMITS, deps.clock);
  const failureLog = createFailureLog(deps);
  const listeners = new Set<(subject: string) => void>();
  const ended = (subject: string): void => {
    for (const listener of listeners) listener(subject);
  };
  const entry = (by: Principal, action: `${string}.${string}`, target: string) =>
    audit.row({ actor: by.id, surface: by.surface, action, target, outcome: 'done' });
  return {
    createLink: () =>
      links.create({ person: OWNER_PERSON, lifetimeMs: LINK_LIFETIME_MS }, [
        entry(OWNER_HERE, 'login.link-made', 'owner'),
      ]),
    invite: (person, by) =>
      links.create({ person, lifetimeMs: INVITATION_LIFETIME_MS }, [entry(by, 'login.link-made', person)]),
    redeem: async (secret, caller) => {
      const waitMs = linkFailures.waitMs(caller);
      if (waitMs > 0) return { kind: 'limited', waitMs };
      const person = await links.personOf(secret);
      const cookie = newSecret();
      const verified = person === undefined || !(await needsFactor(person));
      const { statement, login } = logins.start(cookie, { person: person ?? '', verified });
      const started = entry({ id: login.person, surface: 'web' }, 'login.started', login.subject);
      const outcome = await links.use(secret, [statement, started]);
      if (outcome === 'used-now') return { kind: 'login', cookie, login };
      linkFailures.failed(caller);
      await failureLog.note('login.refused', caller, outcome);
      return { kind: 'refused', reason: outcome };
    },
    login: (cookie) => logins.find(cookie),
    verify: async (cookie, login) => {
      const given = entry({ id: login.person, surface: 'web' }, 'login.verified', login.subject);
      await store.write([logins.verified(cookie), given]);
    },
    logout: async (cookie) => ended(await logins.end(cookie)),
    csrf: csrfOf,
    checkCsrf: (cookie, given) => given !== undefined && equalSecrets(csrfOf(cookie), given),
    ...keyMethods({ store, tokens, entry, ended }),
    bearer: async (token, caller) => {
      const key = await tokens.find(token);
      if (key !== undefined) return { kind: 'token', key };
      const waitMs = tokenFailures.waitMs(caller);
      tokenFailures.failed(caller);
      await failureLog.note('key.refused', caller, 'unknown');
      return waitMs > 0 ? { kind: 'limited', waitMs } : { kind: 'refused' };
    },
    onEnded: (listener) => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
  };
}

interface KeyParts {
  readonly store: Store;
  readonly tokens: Tokens;
  readonly entry: (by: Principal, action: `${string}.${string}`, target: string) => ReturnType<AuditSink['row']>;
  readonly ended: (subject: string) => void;
}

type KeyMethods = Pick<Access, 'createToken' | 'tokens' | 'revokeToken' | 'createKey' | 'keys' | 'revokeKey'>;

function keyMethods({ store, tokens, entry, ended }: KeyParts): KeyMethods {
  const make = async (wanted: Parameters<Tokens['make']>[0], by: Principal): Promise<MadeKey> => {
    const { statement, key } = tokens.make(wanted);
    await store.write([statement, entry(by, 'key.made', key.id)]);
    return key;
  };
  const revokeKey: Access['revokeKey'] = async (id, person, by) => {
    await store.write([await tokens.revocation(id, person), entry(by, 'key.revoked', id)]);
    ended(id);
  };
  return {
    createToken: async (note, by = OWNER_HERE) => {
      const { key, ...view } = await make({ name: note }, by);
      return { ...toTokenView(view), token: key };
    },
    tokens: async () => (await tokens.list(undefined)).map(toTokenView),
    revokeToken: (id, by = OWNER_HERE) => revokeKey(id, undefined, by),
    createKey: (key, person, by) => make({ ...key, person }, by),
    keys: (person) => tokens.list(person),
    revokeKey,
  };
}

const toTokenView = ({ id, name, createdAt, lastUsedAt }: KeyView): TokenView => ({
  id,
  note: name,
  createdAt,
  lastUsedAt,
});
