import type { Logger } from '../../base/logger.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { Access, Redeemed } from '../access/access.ts';
import { LONGEST_LOGIN_MS, type Login } from '../access/logins.ts';
import type { ApiApp } from './api-env.ts';
import { LOGIN_COOKIE } from './guard.ts';
import { loginCookie } from './login-cookie.ts';
import type { Origins } from './origins.ts';
import { NEW_LINK, type Page, pageResponse } from './pages.ts';
import { readBody } from './request-body.ts';
import { cookieOf, type RequestFacts } from './request-facts.ts';

/**
 * `GET /login?token=…` uses a one-time link. It only does so for a browser that opens the page for a person: a preview, a
 * prefetch or an image tag leaves the link as it is. The reply is a page that goes on by itself and not a redirect,
 * because after a redirect from another site a browser would not send the SameSite=Strict cookie.
 */
export interface LoginPageDeps {
  readonly access: Access;
  readonly origins: Origins;
  readonly log: Logger;
  /** Throws when it is not the code of that person's second factor. Absent: nobody has one. */
  readonly checkCode?: ((person: string, code: string) => Promise<void>) | undefined;
}

export function loginPage(app: ApiApp, deps: LoginPageDeps): void {
  app.get('/login', async (context) => {
    const facts = context.get('facts');
    const secret = context.req.query('token') ?? '';
    if (secret === '') return pageResponse(401, { title: 'Sign in', lines: [NEW_LINK] });
    if (!isPersonOpening(facts)) return pageResponse(403, { title: 'Open this link in a browser', lines: [NEW_LINK] });
    const redeemed = await deps.access.redeem(secret.slice(0, 200), facts.address);
    if (redeemed.kind !== 'login') {
      const reason = redeemed.kind === 'limited' ? redeemed.kind : redeemed.reason;
      deps.log.warn('login link refused', { address: facts.address, reason });
      return refusalPage(redeemed);
    }
    deps.log.info('signed in', { address: facts.address, login: redeemed.login.subject });
    // The browser keeps it for the longest time; when the login really ends is decided here, by its use.
    const cookie = loginCookie(redeemed.cookie, { maxAgeMs: LONGEST_LOGIN_MS, secure: deps.origins.secure });
    if (!redeemed.login.verified) return pageResponse(200, codePage([]), { 'set-cookie': cookie });
    return pageResponse(200, { title: 'You are signed in', lines: [], next: '/' }, { 'set-cookie': cookie });
  });
  app.post('/login/code', async (context) => {
    const facts = context.get('facts');
    const cookie = cookieOf(facts, LOGIN_COOKIE);
    const login = cookie === undefined ? undefined : await deps.access.login(cookie);
    // `checkAddress` has compared a given Origin with ours; a browser gives one with every form.
    const ours = facts.header('origin') !== undefined || facts.header('sec-fetch-site') === 'same-origin';
    if (cookie === undefined || login === undefined || !ours)
      return pageResponse(401, { title: 'Sign in', lines: [NEW_LINK] });
    const body = new URLSearchParams(await readBody(context.env.incoming, LONGEST_FORM));
    return await takeCode(deps, { cookie, login, code: body.get('code') ?? '' });
  });
}

const LONGEST_FORM = 1_024;

const codePage = (lines: readonly string[]): Page => ({
  title: 'Your second factor',
  lines,
  form: { action: '/login/code', label: 'Code of your authenticator' },
});

interface CodeGiven {
  readonly cookie: string;
  readonly login: Login;
  readonly code: string;
}

async function takeCode(deps: LoginPageDeps, { cookie, login, code }: CodeGiven): Promise<Response> {
  const done: Page = { title: 'You are signed in', lines: [], next: '/' };
  if (login.verified) return pageResponse(200, done);
  try {
    if (deps.checkCode === undefined) throw new HoldfastError('unauthenticated', 'There is no second factor here.');
    await deps.checkCode(login.person, code.slice(0, 20));
    await deps.access.verify(cookie, login);
    return pageResponse(200, done);
  } catch (thrown) {
    const { code: reason } = HoldfastError.from(thrown);
    deps.log.warn('second factor refused', { login: login.subject, reason });
    const limited = reason === 'rate-limited';
    const line = limited
      ? 'Too many wrong codes. Wait five minutes.'
      : 'That code is wrong, too old, or was used already.';
    return pageResponse(limited ? 429 : 401, codePage([line]));
  }
}

function isPersonOpening(facts: RequestFacts): boolean {
  const destination = facts.header('sec-fetch-dest');
  const purpose = `${facts.header('sec-purpose') ?? ''}${facts.header('purpose') ?? ''}`;
  return facts.method === 'GET' && (destination === undefined || destination === 'document') && purpose === '';
}

function refusalPage(redeemed: Exclude<Redeemed, { kind: 'login' }>): Response {
  if (redeemed.kind === 'limited') {
    const seconds = Math.ceil(redeemed.waitMs / 1_000);
    const page = { title: 'Too many attempts', lines: [`Wait ${seconds} seconds, then open a new link.`, NEW_LINK] };
    return pageResponse(429, page, { 'retry-after': String(seconds) });
  }
  return pageResponse(redeemed.reason === 'unknown' ? 401 : 410, REFUSED[redeemed.reason]);
}

const REFUSED: Record<'unknown' | 'used' | 'expired', Page> = {
  unknown: { title: 'This link is not valid', lines: ['It may have been copied in part.', NEW_LINK] },
  used: { title: 'This link was used already', lines: ['Each link signs in one browser, once.', NEW_LINK] },
  expired: { title: 'This link has expired', lines: ['A link is good for 15 minutes.', NEW_LINK] },
};
