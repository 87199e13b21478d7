import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { z } from 'zod';
import { HoldfastError } from '../../protocol/error.ts';

/**
 * The assertion with which a Google service account asks for an access token (RFC 7523). The key file is the secret as the
 * owner entered it; its private key never leaves this process, only the signed assertion goes to `tokenUri`.
 */
export interface ServiceAccount {
  readonly email: string;
  readonly keyId: string | undefined;
  readonly key: KeyObject;
  readonly tokenUri: string;
  readonly projectId: string | undefined;
}

const KeyFile = z.object({
  type: z.literal('service_account'),
  client_email: z.string().min(3),
  private_key: z.string().min(1),
  private_key_id: z.string().optional(),
  project_id: z.string().optional(),
  token_uri: z.string().default('https://oauth2.googleapis.com/token'),
});

/** Google refuses assertions that live longer. */
const LIFETIME_S = 3_600;

/** Reads the JSON key file. Errors never repeat a part of it. */
export function readServiceAccount(secret: string): ServiceAccount {
  const parsed = KeyFile.safeParse(parseOrUndefined(secret));
  if (!parsed.success) throw notAKeyFile('its JSON is not that of a service account');
  const file = parsed.data;
  const tokenUrl = URL.parse(file.token_uri);
  if (!tokenUrl || !isSafe(tokenUrl)) throw notAKeyFile('its token_uri is not an https address');
  return {
    email: file.client_email,
    keyId: file.private_key_id,
    key: readKey(file.private_key),
    tokenUri: tokenUrl.href,
    projectId: file.project_id,
  };
}

export interface AssertionRequest {
  readonly scopes: readonly string[];
  /** Unix milliseconds. */
  readonly at: number;
  /** A user of the domain whom the account acts for, where that was delegated. */
  readonly subject?: string;
}

/** The signed JWT (RS256). Pure but for the key. */
export function signGoogleAssertion(account: ServiceAccount, { scopes, at, subject }: AssertionRequest): string {
  const issuedAt = Math.floor(at / 1_000);
  const header = { alg: 'RS256', typ: 'JWT', ...(account.keyId === undefined ? {} : { kid: account.keyId }) };
  const claims = {
    iss: account.email,
    scope: scopes.join(' '),
    aud: account.tokenUri,
    iat: issuedAt,
    exp: issuedAt + LIFETIME_S,
    ...(subject === undefined ? {} : { sub: subject }),
  };
  const text = `${encode(header)}.${encode(claims)}`;
  return `${text}.${sign('sha256', Buffer.from(text), account.key).toString('base64url')}`;
}

function readKey(pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'rsa') return key;
  } catch {
    // The parser's words could hold a part of the key.
  }
  throw notAKeyFile('its private_key is not an RSA key in PEM form');
}

/** Plain http only on this machine, where tests and local emulators answer. */
function isSafe(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && /^(127\.0\.0\.1|localhost)$/.test(url.hostname));
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function notAKeyFile(why: string): HoldfastError {
  return new HoldfastError('bad-request', `This is not the key file of a Google service account: ${why}.`, {
    remedy: 'Give the JSON file that Google Cloud made for the service account, unchanged.',
  });
}
