import { HoldfastError } from '../../../protocol/error.ts';
import { type CredentialSource, type OpenCredential, partOf } from '../credential.ts';
import type { Minted } from '../place-credential.ts';
import { mintGitHubToken } from './github-token.ts';
import { mintGoogleToken } from './google-token.ts';
import { refreshOAuth } from './oauth-refresh.ts';
import type { TokenEndpoint } from './token-endpoint.ts';

/**
 * What a credential turns into for one request. Tokens that are made (OAuth, Google, GitHub) are made once however many
 * requests want them, kept until shortly before they end, and told to the guard, so that no answer can carry them out.
 * A failure is remembered for a minute, so that a revoked login does not turn into a storm of requests.
 */
export interface Tokens {
  mint(credential: OpenCredential, scopes: readonly string[]): Promise<Minted>;
  /** Forgets what was made of a credential: the service refused it. */
  forget(name: string): void;
  /** All made tokens that may still be good. */
  values(): readonly string[];
  onChange(listener: () => void): void;
}

export interface MadeToken {
  readonly value: string;
  /** Unix milliseconds. */
  readonly expiresAt: number;
  /** Of the credential that it was made of, or that its making wrote. */
  readonly version: number;
  readonly username?: string;
}

export interface TokensDeps {
  readonly endpoint: TokenEndpoint;
  readonly credentials: CredentialSource;
  readonly now: () => number;
}

export interface MintDeps extends TokensDeps {
  /** Tokens that a service did not take any more, whatever their time says. */
  readonly refused: ReadonlySet<string>;
}

const RENEW_BEFORE_MS = 60_000;
const FAILURE_KEPT_MS = 60_000;
const MOST_KEPT = 1_000;

export function createTokens(deps: TokensDeps): Tokens {
  const made = new Map<string, MadeToken & { name: string }>();
  const making = new Map<string, Promise<MadeToken>>();
  const failures = new Map<string, { error: HoldfastError; at: number; version: number }>();
  const refused = new Set<string>();
  const listeners: (() => void)[] = [];
  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  const forgetOld = (): void => {
    for (const [key, { expiresAt }] of made) if (expiresAt < deps.now() || made.size > MOST_KEPT) made.delete(key);
  };
  const make = async (key: string, credential: OpenCredential, scopes: readonly string[]): Promise<MadeToken> => {
    try {
      const token = await makeToken(credential, scopes, { ...deps, refused });
      forgetOld();
      made.set(key, { ...token, name: credential.name });
      failures.delete(key);
      changed();
      return token;
    } catch (thrown) {
      const error = HoldfastError.from(thrown, 'tool.failed');
      failures.set(key, { error, at: deps.now(), version: credential.version });
      throw error;
    }
  };
  const tokenOf = async (credential: OpenCredential, scopes: readonly string[]): Promise<MadeToken> => {
    const key = JSON.stringify([credential.name, scopes]);
    const known = made.get(key);
    if (known && known.version >= credential.version && known.expiresAt - RENEW_BEFORE_MS > deps.now()) return known;
    const failed = failures.get(key);
    if (failed && failed.version === credential.version && failed.at + FAILURE_KEPT_MS > deps.now()) throw failed.error;
    const running = making.get(key) ?? make(key, credential, scopes).finally(() => making.delete(key));
    making.set(key, running);
    return await running;
  };
  return {
    mint: async (credential, scopes) => {
      const plain = plainOf(credential);
      if (plain) return plain;
      const { value, username } = await tokenOf(credential, scopes);
      return { kind: 'token', value, username };
    },
    forget: (name) => {
      for (const [key, token] of made) {
        if (token.name !== name) continue;
        made.delete(key);
        refused.add(token.value);
      }
    },
    values: () => [...made.values()].map(({ value }) => value),
    onChange: (listener) => void listeners.push(listener),
  };
}

function plainOf(credential: OpenCredential): Minted | undefined {
  const { parts } = credential;
  switch (credential.kind) {
    case 'value':
      return { kind: 'token', value: partOf(credential, 'value') };
    case 'basic':
      return { kind: 'token', value: partOf(credential, 'password'), username: partOf(credential, 'username') };
    case 'postgres':
      throw new HoldfastError(
        'bad-request',
        `The credential ${credential.name} is the password of a PostgreSQL server.`,
        {
          remedy: 'It is used by a service of the kind postgres.',
        },
      );
    case 'aws': {
      const [accessKeyId, secretAccessKey] = [
        partOf(credential, 'access_key_id'),
        partOf(credential, 'secret_access_key'),
      ];
      return { kind: 'aws', accessKeyId, secretAccessKey, sessionToken: parts.session_token };
    }
    case 'mtls': {
      const [cert, key] = [partOf(credential, 'certificate'), partOf(credential, 'private_key')];
      return { kind: 'certificate', cert, key, passphrase: parts.passphrase };
    }
    default:
      return undefined;
  }
}

function makeToken(credential: OpenCredential, scopes: readonly string[], deps: MintDeps): Promise<MadeToken> {
  if (credential.kind === 'oauth2') return refreshOAuth(credential, deps);
  if (credential.kind === 'google-service-account') return mintGoogleToken(credential, scopes, deps);
  return mintGitHubToken(credential, deps);
}
