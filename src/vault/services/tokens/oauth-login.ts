import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { HoldfastError } from '../../../protocol/error.ts';
import type { LoginFinish, LoginRequest, LoginResult, LoginStart } from '../../../protocol/service.ts';
import { type CredentialSource, type OpenCredential, partOf } from '../credential.ts';
import { keepTokens } from './oauth-refresh.ts';
import { reasonOf, type TokenEndpoint } from './token-endpoint.ts';

/**
 * The owner's login to a service: the device flow (RFC 8628), or the authorization code flow with PKCE (RFC 7636) whose
 * browser comes back to a loopback port of the owner's command. The verifier, the device code and every token stay here;
 * the command only ever sees what the owner types or opens. A state that does not fit ends the login.
 */
export interface OAuthLogins {
  start(credentialName: string, request: LoginRequest, scopes: readonly string[]): Promise<LoginStart>;
  finish(credentialName: string, given: LoginFinish): Promise<LoginResult>;
}

export interface OAuthLoginsDeps {
  readonly endpoint: TokenEndpoint;
  readonly credentials: CredentialSource;
  readonly now: () => number;
}

interface Open {
  readonly name: string;
  readonly expiresAt: number;
  readonly form: Readonly<Record<string, string>>;
  /** Of the code flow. */
  readonly state?: string;
  intervalMs: number;
}

const CODE_LOGIN_MS = 600_000;
const MOST_OPEN = 50;
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

export function createOAuthLogins(deps: OAuthLoginsDeps): OAuthLogins {
  const open = new Map<string, Open>();
  const keep = (login: Open): string => {
    for (const [id, { expiresAt }] of open) if (expiresAt < deps.now() || open.size >= MOST_OPEN) open.delete(id);
    const id = randomBytes(16).toString('base64url');
    open.set(id, login);
    return id;
  };
  return {
    start: async (name, request, scopes) => {
      const credential = oauthCredential(deps.credentials, name);
      const scope = scopes.length > 0 ? scopes.join(' ') : (credential.parts.scope ?? '');
      return request.flow === 'device'
        ? await startDevice(credential, scope, { ...deps, keep })
        : startCode(credential, { scope, redirectPort: request.redirectPort }, { ...deps, keep });
    },
    finish: async (name, given) => {
      const login = open.get(given.loginId);
      if (!login || login.name !== name || login.expiresAt < deps.now()) throw ended('it is over, or was never begun');
      const credential = oauthCredential(deps.credentials, name);
      const result = await ask(credential, login, { ...deps, given });
      if (result.state === 'done') open.delete(given.loginId);
      return result;
    },
  };
}

type StartDeps = OAuthLoginsDeps & { readonly keep: (login: Open) => string };

async function startDevice(credential: OpenCredential, scope: string, deps: StartDeps): Promise<LoginStart> {
  const url = credential.parts.device_url;
  if (url === undefined)
    throw new HoldfastError('bad-request', `The credential ${credential.name} has no device_url.`, {
      remedy: 'Log in by browser instead (without --device), or add it.',
    });
  const form = { client_id: partOf(credential, 'client_id'), ...(scope === '' ? {} : { scope }) };
  const answer = await deps.endpoint.post(url, { form });
  const { device_code: code, user_code: userCode, verification_uri: uri, verification_url: oldUri } = answer.body;
  const address = typeof uri === 'string' ? uri : oldUri;
  if (answer.status !== 200 || typeof code !== 'string' || typeof userCode !== 'string' || typeof address !== 'string')
    throw ended(`the provider began none (${reasonOf(answer)})`);
  const { interval, expires_in: life, verification_uri_complete: complete } = answer.body;
  const intervalMs = (Number(interval) > 0 ? Number(interval) : 5) * 1_000;
  const expiresAt = deps.now() + (Number(life) > 0 ? Number(life) : 900) * 1_000;
  const loginId = deps.keep({
    name: credential.name,
    expiresAt,
    intervalMs,
    form: { grant_type: DEVICE_GRANT, device_code: code },
  });
  return {
    ...{ flow: 'device', loginId, userCode, verificationUri: address, intervalMs, expiresAt },
    ...(typeof complete === 'string' ? { verificationUriComplete: complete } : {}),
  };
}

function startCode(
  credential: OpenCredential,
  { scope, redirectPort }: { scope: string; redirectPort: number },
  deps: StartDeps,
): LoginStart {
  const text = credential.parts.authorize_url;
  const url = text === undefined ? null : URL.parse(text);
  if (!url)
    throw new HoldfastError('bad-request', `The credential ${credential.name} has no authorize_url.`, {
      remedy: 'Use --device, or add it.',
    });
  const verifier = randomBytes(48).toString('base64url');
  const state = randomBytes(24).toString('base64url');
  const redirect = `http://127.0.0.1:${redirectPort}/callback`;
  const fields = {
    response_type: 'code',
    client_id: partOf(credential, 'client_id'),
    redirect_uri: redirect,
    state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...(scope === '' ? {} : { scope }),
  };
  for (const [name, value] of Object.entries(fields)) url.searchParams.set(name, value);
  const expiresAt = deps.now() + CODE_LOGIN_MS;
  const form = { grant_type: 'authorization_code', redirect_uri: redirect, code_verifier: verifier };
  const loginId = deps.keep({ name: credential.name, expiresAt, state, intervalMs: 0, form });
  return { flow: 'code', loginId, authorizationUrl: url.href, expiresAt };
}

async function ask(
  credential: OpenCredential,
  login: Open,
  { endpoint, credentials, now, given }: OAuthLoginsDeps & { given: LoginFinish },
): Promise<LoginResult> {
  if (login.state !== undefined && (given.code === undefined || !isSame(given.state ?? '', login.state)))
    throw ended('what the browser brought back does not belong to it');
  const { client_id: clientId = '', client_secret: secret } = credential.parts;
  const form = {
    ...login.form,
    client_id: clientId,
    ...(secret === undefined ? {} : { client_secret: secret }),
    ...(login.state === undefined ? {} : { code: given.code ?? '' }),
  };
  const answer = await endpoint.post(partOf(credential, 'token_url'), { form });
  const { error } = answer.body;
  if (login.state === undefined && (error === 'authorization_pending' || error === 'slow_down')) {
    if (error === 'slow_down') login.intervalMs += 5_000;
    return { state: 'pending', intervalMs: login.intervalMs };
  }
  if (typeof error === 'string' || answer.status !== 200) throw ended(reasonOf(answer));
  keepTokens(credential, answer, { credentials, now });
  return { state: 'done' };
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function oauthCredential(credentials: CredentialSource, name: string): OpenCredential {
  const credential = credentials.current(name);
  if (credential?.kind === 'oauth2') return credential;
  const what = credential ? `is of the kind ${credential.kind}` : 'does not exist';
  throw new HoldfastError('bad-request', `The credential ${name} ${what}; a login needs one of the kind oauth2.`, {
    remedy: `Add it: holdfast credentials add ${name}`,
  });
}

function ended(reason: string): HoldfastError {
  return new HoldfastError('tool.failed', `The login did not work: ${reason}.`, { remedy: 'Begin it anew.' });
}
