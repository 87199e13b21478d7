import type { Clock } from '../../base/clock.ts';
import type { NewToken, TokenView } from '../../protocol/api.ts';
import type { Store } from '../../storage/store.ts';
import { createFailureLimiter } from './failure-limiter.ts';
import { createLoginLinks, type LinkRefusal } from './login-links.ts';
import { createLogins, type Login } from './logins.ts';
import { csrfOf, equalSecrets, newSecret } from './secrets.ts';
import { createTokens } from './tokens.ts';

/**
 * Who may use the API: one-time links, the logins they start, and bearer tokens. All secrets are 256 random bits, are
 * stored as hashes only and are compared in constant time. A caller that failed too often is not looked up at all with a
 * link; with a bearer token it is (a program with an old token must not lock out the others on this machine), but its
 * failures are answered `limited`.
 */
export interface Access {
  createLink(): Promise<{ secret: string; expiresAt: number }>;
  /** `caller` is the address that the failures are counted for. */
  redeem(secret: string, caller: string): Promise<Redeemed>;
  login(cookie: string): Promise<Login | undefined>;
  logout(cookie: string): Promise<void>;
  csrf(cookie: string): string;
  checkCsrf(cookie: string, given: string | undefined): boolean;
  createToken(note: string): Promise<NewToken>;
  tokens(): Promise<TokenView[]>;
  revokeToken(id: string): Promise<void>;
  bearer(token: string, caller: string): Promise<Bearer>;
  /** Called with the subject (a login's or a token's) whose right just ended, so that open streams can be closed. */
  onEnded(listener: (subject: string) => void): Disposable;
}

export type Redeemed =
  | { readonly kind: 'login'; readonly cookie: string; readonly login: Login }
  | { readonly kind: 'refused'; readonly reason: LinkRefusal }
  | { readonly kind: 'limited'; readonly waitMs: number };

export type Bearer =
  | { readonly kind: 'token'; readonly id: string }
  | { readonly kind: 'refused' }
  | { readonly kind: 'limited'; readonly waitMs: number };

const FAILURE_LIMITS = { failures: 10, windowMs: 60_000, callers: 10_000 };

export function createAccess(deps: { readonly store: Store; readonly clock: Clock }): Access {
  const links = createLoginLinks(deps);
  const logins = createLogins(deps);
  const tokens = createTokens(deps);
  const linkFailures = createFailureLimiter(FAILURE_LIMITS, deps.clock);
  const tokenFailures = createFailureLimiter(FAILURE_LIMITS, deps.clock);
  const listeners = new Set<(subject: string) => void>();
  const ended = (subject: string): void => {
    for (const listener of listeners) listener(subject);
  };
  return {
    createLink: () => links.create(),
    redeem: async (secret, caller) => {
      const waitMs = linkFailures.waitMs(caller);
      if (waitMs > 0) return { kind: 'limited', waitMs };
      const cookie = newSecret();
      const { statement, login } = logins.start(cookie);
      const outcome = await links.use(secret, statement);
      if (outcome === 'used-now') return { kind: 'login', cookie, login };
      linkFailures.failed(caller);
      return { kind: 'refused', reason: outcome };
    },
    login: (cookie) => logins.find(cookie),
    logout: async (cookie) => ended(await logins.end(cookie)),
    csrf: csrfOf,
    checkCsrf: (cookie, given) => given !== undefined && equalSecrets(csrfOf(cookie), given),
    createToken: (note) => tokens.create(note),
    tokens: () => tokens.list(),
    revokeToken: async (id) => {
      await tokens.revoke(id);
      ended(id);
    },
    bearer: async (token, caller) => {
      const id = await tokens.find(token);
      if (id !== undefined) return { kind: 'token', id };
      const waitMs = tokenFailures.waitMs(caller);
      tokenFailures.failed(caller);
      return waitMs > 0 ? { kind: 'limited', waitMs } : { kind: 'refused' };
    },
    onEnded: (listener) => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
  };
}
