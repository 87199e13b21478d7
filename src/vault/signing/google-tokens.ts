import { createHash } from 'node:crypto';
import { z } from 'zod';
import { HoldfastError } from '../../protocol/error.ts';
import { readServiceAccount, signGoogleAssertion } from './google-jwt.ts';

/**
 * Access tokens of Google service accounts. One is kept in memory until shortly before it ends; callers who ask at the same
 * time share one exchange; a failed exchange is not remembered.
 */
export interface GoogleTokens {
  /** `secret` is the JSON key file. Throws `model.auth` when Google refuses it, else a retryable error. */
  of(secret: string, scopes: readonly string[]): Promise<string>;
  /** Forgets the token of this key: it was refused where it was used. */
  forget(secret: string): void;
  /** Tokens in use, for the guard that keeps secrets out of answers. */
  values(): readonly string[];
}

export interface GoogleTokensDeps {
  /** Sends a form and returns the answer whatever its status; rejects when nobody can be reached. */
  readonly postForm: PostForm;
  readonly now: () => number;
}

export type PostForm = (url: string, form: URLSearchParams) => Promise<{ status: number; text: string }>;

interface Kept {
  readonly key: string;
  readonly token: Promise<{ value: string; until: number }>;
  value: string | undefined;
}

const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
/** A token that ends during the call it is used for would fail it. */
const MARGIN_MS = 120_000;
const TokenAnswer = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });
const Refused = z.object({ error: z.string(), error_description: z.string().optional() });

export function createGoogleTokens({ postForm, now }: GoogleTokensDeps): GoogleTokens {
  const kept = new Map<string, Kept>();
  const exchange = async (secret: string, scopes: readonly string[]): Promise<{ value: string; until: number }> => {
    const account = readServiceAccount(secret);
    const assertion = signGoogleAssertion(account, { scopes, at: now() });
    const answer = await postForm(account.tokenUri, new URLSearchParams({ grant_type: GRANT, assertion }));
    const token = TokenAnswer.safeParse(parseOrUndefined(answer.text));
    if (answer.status !== 200 || !token.success) throw refusal(account.email, answer);
    return { value: token.data.access_token, until: now() + token.data.expires_in * 1_000 - MARGIN_MS };
  };
  const fresh = (id: string, secret: string, scopes: readonly string[]): Kept => {
    const entry: Kept = { key: hashOf(secret), token: exchange(secret, scopes), value: undefined };
    kept.set(id, entry);
    entry.token.then(
      ({ value }) => {
        entry.value = value;
      },
      () => {
        if (kept.get(id) === entry) kept.delete(id);
      },
    );
    return entry;
  };
  return {
    of: async (secret, scopes) => {
      const id = `${hashOf(secret)} ${scopes.join(' ')}`;
      const { value, until } = await (kept.get(id) ?? fresh(id, secret, scopes)).token;
      return until > now() ? value : (await fresh(id, secret, scopes).token).value;
    },
    forget: (secret) => {
      const key = hashOf(secret);
      for (const [id, entry] of kept) if (entry.key === key) kept.delete(id);
    },
    values: () => [...kept.values()].flatMap(({ value }) => (value === undefined ? [] : [value])),
  };
}

function refusal(email: string, { status, text }: { status: number; text: string }): HoldfastError {
  const said = Refused.safeParse(parseOrUndefined(text));
  const why = said.success ? ` (${[said.data.error, said.data.error_description].filter(Boolean).join(': ')})` : '';
  if (status >= 500 || status === 429)
    return new HoldfastError('model.overloaded', `Google gave no access token to ${email}: HTTP ${status}${why}.`, {
      remedy: 'Try again.',
      retryable: true,
    });
  return new HoldfastError('model.auth', `Google refused the key of the service account ${email}${why}.`, {
    remedy: 'Make a new key for the service account and enter it, and check the clock of this machine.',
  });
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
