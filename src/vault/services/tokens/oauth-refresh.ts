import { HoldfastError } from '../../../protocol/error.ts';
import { type OpenCredential, partOf } from '../credential.ts';
import { reasonOf, type TokenAnswer } from './token-endpoint.ts';
import type { MadeToken, MintDeps } from './tokens.ts';

/**
 * An access token of an OAuth2 login. A refresh token that the provider replaced is on the disk before the new access
 * token is used: what was rotated and lost could never be renewed again. Whoever holds an older copy of the credential
 * gets the newest one read here, so an old refresh token is never shown to the provider a second time.
 */
const DEFAULT_LIFE_MS = 3_600_000;
const EARLIER_MS = 60_000;

export async function refreshOAuth({ name, parts: given }: OpenCredential, deps: MintDeps): Promise<MadeToken> {
  const credential = deps.credentials.current(name);
  if (!credential) throw gone(name, given.client_id === undefined ? 'it is gone' : 'it was removed');
  const { access_token: kept, expires_at: until, refresh_token: refreshToken } = credential.parts;
  const { version } = credential;
  const isGood = kept !== undefined && !deps.refused.has(kept);
  if (isGood && until === undefined && refreshToken === undefined)
    return { value: kept, version, expiresAt: deps.now() + DEFAULT_LIFE_MS };
  if (isGood && Number(until) - EARLIER_MS > deps.now()) return { value: kept, version, expiresAt: Number(until) };
  const answer = await deps.endpoint.post(partOf(credential, 'token_url'), { form: formOf(credential) });
  return keepTokens(credential, answer, deps);
}

function formOf(credential: OpenCredential): Record<string, string> {
  const { client_id: clientId = '', client_secret: secret, refresh_token: refresh, scope, audience } = credential.parts;
  if (refresh === undefined && secret === undefined)
    throw gone(credential.name, 'nobody has logged in yet, or the login ended');
  const grant = refresh === undefined ? 'client_credentials' : 'refresh_token';
  return {
    grant_type: grant,
    client_id: clientId,
    ...(secret === undefined ? {} : { client_secret: secret }),
    ...(refresh === undefined ? { ...(scope === undefined ? {} : { scope }) } : { refresh_token: refresh }),
    ...(audience === undefined ? {} : { audience }),
  };
}

/** Writes what the provider gave, then hands out the access token. */
export function keepTokens(
  credential: OpenCredential,
  answer: TokenAnswer,
  deps: Pick<MintDeps, 'credentials' | 'now'>,
): MadeToken {
  const { access_token: value, refresh_token: refresh, expires_in: life } = answer.body;
  if (answer.status !== 200 || typeof value !== 'string' || value === '') throw gone(credential.name, reasonOf(answer));
  const expiresAt = deps.now() + (Number(life) > 0 ? Number(life) * 1_000 : DEFAULT_LIFE_MS);
  const parts = {
    ...credential.parts,
    access_token: value,
    expires_at: String(expiresAt),
    ...(typeof refresh === 'string' && refresh !== '' ? { refresh_token: refresh } : {}),
  };
  if (!deps.credentials.renew(credential.name, credential.version, parts))
    throw new HoldfastError('conflict', `The credential ${credential.name} was changed while it was being renewed.`, {
      remedy: 'Try again.',
      retryable: true,
    });
  return { value, expiresAt, version: deps.credentials.current(credential.name)?.version ?? credential.version };
}

function gone(name: string, reason: string): HoldfastError {
  return new HoldfastError('tool.failed', `The login ${name} cannot be renewed: ${reason}.`, {
    remedy: 'The owner logs in anew: holdfast services login <service>',
  });
}
