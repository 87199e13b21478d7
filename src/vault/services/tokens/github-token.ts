import { HoldfastError } from '../../../protocol/error.ts';
import { type OpenCredential, partOf } from '../credential.ts';
import { signJwt } from './jwt.ts';
import { reasonOf } from './token-endpoint.ts';
import type { MadeToken, MintDeps } from './tokens.ts';

/** An installation token of a GitHub App: an hour long, and only for the repositories of that installation. */
const DEFAULT_API = 'https://api.github.com';
/** GitHub takes 10 minutes at most, by its own clock. */
const LIFE_S = 540;
const CLOCK_SKEW_S = 60;
const DEFAULT_LIFE_MS = 3_600_000;
/** What git must say beside the token. */
const GIT_USER = 'x-access-token';

export async function mintGitHubToken(credential: OpenCredential, { endpoint, now }: MintDeps): Promise<MadeToken> {
  const { base_url: base = DEFAULT_API, installation_id: installation } = credential.parts;
  if (installation === undefined || !/^\d{1,20}$/.test(installation))
    throw new HoldfastError('bad-request', `The credential ${credential.name} does not name its installation.`, {
      remedy: 'Enter it again with installation_id, the number at the end of the address of the installation.',
    });
  const issuedAt = Math.floor(now() / 1_000) - CLOCK_SKEW_S;
  const claims = { iss: partOf(credential, 'app_id'), iat: issuedAt, exp: issuedAt + CLOCK_SKEW_S + LIFE_S };
  const jwt = signJwt(claims, partOf(credential, 'private_key'));
  const url = `${base.replace(/\/+$/, '')}/app/installations/${installation}/access_tokens`;
  const headers = {
    authorization: `Bearer ${jwt}`,
    accept: 'application/vnd.github+json',
    'x-github-api-version': '2022-11-28',
  };
  const answer = await endpoint.post(url, { json: {}, headers });
  const { token: value, expires_at: until } = answer.body;
  if (answer.status !== 201 || typeof value !== 'string' || value === '')
    throw new HoldfastError('tool.failed', `GitHub gave no token for ${credential.name}: ${reasonOf(answer)}.`, {
      remedy: 'Check the app id, its private key and that the app is still installed.',
    });
  const expiresAt = typeof until === 'string' ? Date.parse(until) : Number.NaN;
  return {
    value,
    version: credential.version,
    username: GIT_USER,
    expiresAt: Number.isNaN(expiresAt) ? now() + DEFAULT_LIFE_MS : expiresAt,
  };
}
