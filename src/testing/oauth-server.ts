import { createHash, createPublicKey, type KeyObject, randomBytes, verify } from 'node:crypto';
import { type SeenRequest, sendJsonAnswer, startUpstream, type Upstream } from './upstream.ts';

/**
 * An OAuth2 server that holds its clients to the protocols: PKCE is recomputed, refresh tokens are good once, a device
 * code waits for `approve`, assertions of service accounts are verified with their public key.
 */
export interface OAuthServer extends AsyncDisposable {
  readonly upstream: Upstream;
  readonly url: string;
  /** The refresh token that is good now. */
  refreshToken(): string;
  /** Access tokens that were given out. */
  readonly accessTokens: string[];
  /** What the person at the browser does with the address of an authorization code login. */
  visit(address: string): { code: string; state: string };
  approveDevice(): void;
  /** Seconds that the next access tokens live. */
  lifeS: number;
  /** Answers the next refresh with this error. */
  failWith: string | undefined;
  /** Holds every answer of the token endpoint until it resolves. */
  gate: Promise<void> | undefined;
}

export const CLIENT = { id: 'client-1', secret: 'client-secret-value' } as const;

const DEVICE = { device_code: 'device-code-1', user_code: 'ABCD-EFGH', interval: 1, expires_in: 600 };

export async function startOAuthServer(serviceKey?: KeyObject): Promise<OAuthServer> {
  let refreshToken = `refresh-${randomBytes(12).toString('hex')}`;
  let approved = false;
  const accessTokens: string[] = [];
  const codes = new Map<string, { challenge: string; redirect: string }>();
  const state = {
    lifeS: 3_600,
    failWith: undefined as string | undefined,
    gate: undefined as Promise<void> | undefined,
  };
  const give = (refresh: string | undefined) => {
    const token = `access-${randomBytes(12).toString('hex')}`;
    accessTokens.push(token);
    return {
      access_token: token,
      token_type: 'Bearer',
      expires_in: state.lifeS,
      ...(refresh ? { refresh_token: refresh } : {}),
    };
  };
  const rotate = (): string => {
    refreshToken = `refresh-${randomBytes(12).toString('hex')}`;
    return refreshToken;
  };
  const grants: Record<string, (form: URLSearchParams) => object> = {
    refresh_token: (form) => {
      if (form.get('refresh_token') !== refreshToken || form.get('client_secret') !== CLIENT.secret)
        return { error: 'invalid_grant', error_description: 'used before' };
      return give(rotate());
    },
    client_credentials: (form) =>
      form.get('client_secret') === CLIENT.secret ? give(undefined) : { error: 'invalid_client' },
    authorization_code: (form) => {
      const known = codes.get(form.get('code') ?? '');
      const challenge = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url');
      codes.delete(form.get('code') ?? '');
      if (known?.challenge !== challenge || known.redirect !== form.get('redirect_uri'))
        return { error: 'invalid_grant' };
      return give(rotate());
    },
    'urn:ietf:params:oauth:grant-type:device_code': (form) => {
      if (form.get('device_code') !== 'device-code-1') return { error: 'expired_token' };
      return approved ? give(rotate()) : { error: 'authorization_pending' };
    },
    'urn:ietf:params:oauth:grant-type:jwt-bearer': (form) =>
      serviceKey && isSigned(form.get('assertion') ?? '', serviceKey, `${upstream.url}/token`)
        ? give(undefined)
        : { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' },
  };
  const token = async (seen: SeenRequest): Promise<object> => {
    await state.gate;
    if (state.failWith !== undefined) return { error: state.failWith };
    const form = new URLSearchParams(seen.body);
    return grants[form.get('grant_type') ?? '']?.(form) ?? { error: 'unsupported_grant_type' };
  };
  const upstream = await startUpstream(async (seen, response) => {
    if (seen.url === '/token') {
      const answer = await token(seen);
      return sendJsonAnswer(response, 'error' in answer ? 400 : 200, answer);
    }
    if (seen.url === '/device')
      return sendJsonAnswer(response, 200, { ...DEVICE, verification_uri: `${upstream.url}/activate` });
    if (seen.url === '/app/installations/42/access_tokens') {
      const jwt = (seen.headers.authorization ?? '').replace(/^Bearer /, '');
      if (!serviceKey || !isSigned(jwt, serviceKey))
        return sendJsonAnswer(response, 401, { message: 'Bad credentials' });
      const value = `ghs_${randomBytes(16).toString('hex')}`;
      accessTokens.push(value);
      return sendJsonAnswer(response, 201, {
        token: value,
        expires_at: new Date(Date.now() + state.lifeS * 1_000).toISOString(),
      });
    }
    response.writeHead(404).end();
  });
  return Object.assign(state, {
    upstream,
    url: upstream.url,
    accessTokens,
    refreshToken: () => refreshToken,
    visit: (address: string) => {
      const { searchParams } = new URL(address);
      const code = randomBytes(8).toString('hex');
      codes.set(code, {
        challenge: searchParams.get('code_challenge') ?? '',
        redirect: searchParams.get('redirect_uri') ?? '',
      });
      return { code, state: searchParams.get('state') ?? '' };
    },
    approveDevice: () => {
      approved = true;
    },
    [Symbol.asyncDispose]: () => upstream[Symbol.asyncDispose](),
  });
}

/** The signature, and the claims that both Google and GitHub look at. */
function isSigned(jwt: string, key: KeyObject, audience?: string): boolean {
  const [header = '', claims = '', signature = ''] = jwt.split('.');
  const content = Buffer.from(`${header}.${claims}`);
  if (!verify('RSA-SHA256', content, createPublicKey(key), Buffer.from(signature, 'base64url'))) return false;
  const said = JSON.parse(Buffer.from(claims, 'base64url').toString('utf8'));
  const now = Date.now() / 1_000;
  if (said.iat > now + 5 || said.exp < now || said.exp - said.iat > 3_600 || typeof said.iss !== 'string') return false;
  return audience === undefined || said.aud === audience;
}
