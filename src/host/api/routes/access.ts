import { z } from 'zod';
import type { Logger } from '../../../base/logger.ts';
import { LoginLink, LoginView, NewToken, TokenRequest, TokenView } from '../../../protocol/api.ts';
import { HoldfastError } from '../../../protocol/error.ts';
import type { Access } from '../../access/access.ts';
import type { ApiApp } from '../api-env.ts';
import type { Caller } from '../guard.ts';
import { clearedCookie } from '../login-cookie.ts';
import type { Origins } from '../origins.ts';
import { IdParams } from '../query.ts';
import { jsonRoute } from '../route.ts';

export interface AccessRouteDeps {
  readonly access: Access;
  readonly origins: Origins;
  readonly log: Logger;
}

const Done = z.object({ done: z.literal(true) });

/** Who is signed in, and the ways in: links, logout, tokens. */
export function accessRoutes(app: ApiApp, deps: AccessRouteDeps): void {
  const { access, origins } = deps;
  jsonRoute(
    app,
    { method: 'get', path: '/api/session', summary: 'Who is signed in, and the CSRF token.', reply: LoginView },
    async ({ caller }) => ({
      principal: { id: caller.principal.id, surface: caller.principal.surface },
      person: caller.person,
      role: caller.role,
      csrf: caller.cookie === undefined ? null : access.csrf(caller.cookie),
      expiresAt: caller.expiresAt ?? null,
    }),
  );
  jsonRoute(
    app,
    { method: 'post', path: '/api/logout', summary: 'Ends this login and its streams.', reply: Done },
    async ({ caller, setHeader }) => {
      if (caller.cookie !== undefined) await access.logout(caller.cookie);
      setHeader('set-cookie', clearedCookie(origins.secure));
      return { done: true as const };
    },
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/login-links',
      summary: 'Makes a one-time link that signs a browser in. Only over the unix socket.',
      reply: LoginLink,
    },
    async ({ caller }) => {
      if (caller.principal.surface !== 'cli') throw notForCaller('Login links are made by the owner on this machine.');
      return loginLink(access, origins);
    },
  );
  tokenRoutes(app, deps);
}

export async function loginLink(access: Access, origins: Origins): Promise<LoginLink> {
  const { secret, expiresAt } = await access.createLink();
  return { url: `${origins.url}/login?token=${secret}`, expiresAt };
}

function tokenRoutes(app: ApiApp, { access, log }: AccessRouteDeps): void {
  jsonRoute(
    app,
    { method: 'get', path: '/api/tokens', summary: 'Tokens for programs, newest first.', reply: TokenView.array() },
    ({ caller }) => {
      mustBePerson(caller);
      return access.tokens();
    },
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/tokens',
      summary: 'Makes a token. This reply is the only time that it is shown.',
      body: TokenRequest,
      reply: NewToken,
    },
    async ({ caller, body }) => {
      mustBePerson(caller);
      const made = await access.createToken(body.note, caller.principal);
      log.info('token made', { token: made.id, surface: caller.principal.surface });
      return made;
    },
  );
  jsonRoute(
    app,
    {
      method: 'delete',
      path: '/api/tokens/{id}',
      summary: 'Revokes a token and closes its streams.',
      params: IdParams,
      reply: Done,
      refuses: [404],
    },
    async ({ caller, params }) => {
      mustBePerson(caller);
      await access.revokeToken(params.id, caller.principal);
      log.info('token revoked', { token: params.id, surface: caller.principal.surface });
      return { done: true as const };
    },
  );
}

/** A token that could make tokens would outlive its own revocation. */
function mustBePerson(caller: Caller): void {
  if (caller.principal.surface === 'token') throw notForCaller('A token cannot manage tokens.');
}

function notForCaller(message: string): HoldfastError {
  return new HoldfastError('forbidden', message, { remedy: 'Use the `holdfast` command on the machine that runs it.' });
}
