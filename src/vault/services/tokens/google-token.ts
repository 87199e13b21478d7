import { HoldfastError } from '../../../protocol/error.ts';
import { type OpenCredential, partOf } from '../credential.ts';
import { signJwt } from './jwt.ts';
import { reasonOf } from './token-endpoint.ts';
import type { MadeToken, MintDeps } from './tokens.ts';

/** The JWT bearer grant (RFC 7523) as Google's service accounts use it. The key never leaves; a token of an hour does. */
const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const DEFAULT_TOKEN_URI = 'https://oauth2.googleapis.com/token';
const DEFAULT_SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
const LIFE_S = 3_600;

export async function mintGoogleToken(
  credential: OpenCredential,
  scopes: readonly string[],
  { endpoint, now }: MintDeps,
): Promise<MadeToken> {
  const { token_uri: uri = DEFAULT_TOKEN_URI, scope, subject, private_key_id: keyId } = credential.parts;
  const issuedAt = Math.floor(now() / 1_000);
  const claims = {
    iss: partOf(credential, 'client_email'),
    scope: scopes.length > 0 ? scopes.join(' ') : (scope ?? DEFAULT_SCOPE),
    aud: uri,
    iat: issuedAt,
    exp: issuedAt + LIFE_S,
    ...(subject === undefined ? {} : { sub: subject }),
  };
  const assertion = signJwt(claims, partOf(credential, 'private_key'), keyId);
  const answer = await endpoint.post(uri, { form: { grant_type: GRANT, assertion } });
  const { access_token: value, expires_in: life } = answer.body;
  if (answer.status !== 200 || typeof value !== 'string' || value === '')
    throw new HoldfastError('tool.failed', `Google gave no token for ${credential.name}: ${reasonOf(answer)}.`, {
      remedy: 'Check the service account, its key and its scopes.',
    });
  const seconds = Number(life) > 0 ? Number(life) : LIFE_S;
  return { value, version: credential.version, expiresAt: now() + seconds * 1_000 };
}
