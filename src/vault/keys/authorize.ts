import { z } from 'zod';
import { HoldfastError } from '../../protocol/error.ts';
import type { Provider } from '../model/providers.ts';
import { signV4 } from '../services/aws/sigv4.ts';
import type { OpenCredential } from '../services/credential.ts';
import type { Tokens } from '../services/tokens/tokens.ts';
import type { Wire } from '../wires/wire.ts';
import { readAwsKey } from './aws-key.ts';

/**
 * Puts a key into a request, in the way the provider takes it: as a header, as Azure's header, as a signature of the whole
 * request (AWS), or as a token that is made of a service account's key (Google). The key itself leaves in the first two
 * cases only.
 */
export interface KeyUse {
  readonly provider: Provider;
  readonly wire: Wire;
  /** Name of the secret, and its value. */
  readonly name: string;
  readonly secret: string;
  /** Path and query as sent. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export type Authorize = (use: KeyUse) => Promise<Readonly<Record<string, string>>>;

const GOOGLE_SCOPES = ['https://www.googleapis.com/auth/cloud-platform'];
const LOGIN_BETA = 'oauth-2025-04-20';
const AccountFile = z.object({
  type: z.literal('service_account'),
  client_email: z.string(),
  private_key: z.string(),
  private_key_id: z.string().optional(),
  token_uri: z.string().optional(),
});

export function createAuthorize({ tokens, now }: { tokens: Pick<Tokens, 'mint'>; now: () => number }): Authorize {
  return async (use) => {
    switch (use.provider.setting.auth) {
      case 'azure':
        return { 'api-key': use.secret };
      case 'aws':
        return isBedrockKey(use.secret) ? { authorization: `Bearer ${use.secret}` } : signed(use, now());
      case 'google-account':
        return { authorization: `Bearer ${await googleToken(use, tokens)}` };
      default: {
        if (isLogin(use)) return loginHeaders(use);
        const [name, value] = use.wire.keyHeader(use.secret);
        return { [name]: value };
      }
    }
  };
}

/** The token of a login at Anthropic, imported from its command line program, is no API key and is sent otherwise. */
function isLogin({ wire, secret }: KeyUse): boolean {
  return wire.format === 'anthropic-messages' && secret.startsWith('sk-ant-oat');
}

function loginHeaders({ secret, headers }: KeyUse): Record<string, string> {
  const beta = headers['anthropic-beta'];
  return {
    authorization: `Bearer ${secret}`,
    'anthropic-beta': beta === undefined ? LOGIN_BETA : `${beta},${LOGIN_BETA}`,
  };
}

/** Bedrock's own API keys are sent as they are. */
function isBedrockKey(secret: string): boolean {
  return /^(?:ABSK|bedrock-api-key-)/.test(secret);
}

function signed({ provider, secret, name, target, headers, body }: KeyUse, now: number): Record<string, string> {
  const url = new URL(provider.setting.baseUrl);
  const region = provider.setting.region ?? regionOf(url.hostname);
  if (region === undefined)
    throw new HoldfastError('config.invalid', `The address of ${provider.id} names no AWS region.`, {
      remedy: 'Use an address that does, such as https://bedrock-runtime.us-east-1.amazonaws.com.',
    });
  const question = target.indexOf('?');
  const request = {
    method: 'POST',
    path: question === -1 ? target : target.slice(0, question),
    query: question === -1 ? '' : target.slice(question + 1),
    headers: [['host', url.host] as const, ...Object.entries(headers)],
    body,
  };
  const scope = { service: 'bedrock', region, now: new Date(now) };
  const result = signV4(request, readAwsKey(secret, name), scope);
  const added = result.headers.map(([header, value]) => [header.toLowerCase(), value]);
  return { ...Object.fromEntries(added), authorization: result.authorization };
}

/** `bedrock-runtime.eu-central-1.amazonaws.com` */
function regionOf(hostname: string): string | undefined {
  return /\.([a-z]{2}(?:-[a-z]+)+-\d)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)$/.exec(hostname)?.[1];
}

async function googleToken({ name, secret }: KeyUse, tokens: Pick<Tokens, 'mint'>): Promise<string> {
  const file = AccountFile.safeParse(parseOrUndefined(secret));
  if (!file.success)
    throw new HoldfastError('model.auth', `The secret ${name} is not the key file of a Google service account.`, {
      remedy: 'Enter the JSON file that Google Cloud made for it, unchanged.',
    });
  const { type: _, ...parts } = file.data;
  const given = Object.fromEntries(
    Object.entries(parts).flatMap(([part, value]) => (value === undefined ? [] : [[part, value]])),
  );
  const credential: OpenCredential = {
    // Bound to the key's own id: another key under the same name must not get its token.
    name: `${name} ${parts.private_key_id ?? parts.client_email}`,
    kind: 'google-service-account',
    places: [],
    version: 1,
    parts: given,
  };
  try {
    const minted = await tokens.mint(credential, GOOGLE_SCOPES);
    if (minted.kind === 'token') return minted.value;
  } catch (error) {
    const failure = HoldfastError.from(error);
    throw new HoldfastError(failure.retryable ? 'model.unreachable' : 'model.auth', failure.message, {
      remedy: failure.remedy,
      retryable: failure.retryable,
      cause: error,
    });
  }
  throw new HoldfastError('internal', 'A service account gave no token.');
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
