import { generateKeyPairSync, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readServiceAccount, signGoogleAssertion } from './google-jwt.ts';
import { createGoogleTokens } from './google-tokens.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const FILE = {
  type: 'service_account',
  project_id: 'p1',
  private_key_id: 'key1',
  private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  client_email: 'robot@p1.iam.gserviceaccount.com',
  token_uri: 'https://oauth2.googleapis.com/token',
};
const SECRET = JSON.stringify(FILE);
const AT = Date.UTC(2026, 10, 21, 12);

function read(jwt: string): { header: unknown; claims: Record<string, unknown>; isSigned: boolean } {
  const [header = '', claims = '', signature = ''] = jwt.split('.');
  const json = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  const isSigned = verify('sha256', Buffer.from(`${header}.${claims}`), publicKey, Buffer.from(signature, 'base64url'));
  return { header: json(header), claims: json(claims), isSigned };
}

describe("a Google service account's assertion", () => {
  it('is signed with the key and says what Google asks for', () => {
    const jwt = signGoogleAssertion(readServiceAccount(SECRET), { scopes: ['a', 'b'], at: AT });
    expect(read(jwt)).toEqual({
      header: { alg: 'RS256', typ: 'JWT', kid: 'key1' },
      claims: {
        iss: FILE.client_email,
        scope: 'a b',
        aud: FILE.token_uri,
        iat: AT / 1_000,
        exp: AT / 1_000 + 3_600,
      },
      isSigned: true,
    });
  });

  it.each([
    ['no JSON', 'nonsense'],
    ['another kind', JSON.stringify({ ...FILE, type: 'authorized_user' })],
    ['a broken key', JSON.stringify({ ...FILE, private_key: '-----BEGIN canary-key-material-----' })],
    ['plain http', JSON.stringify({ ...FILE, token_uri: 'http://evil.example/token' })],
  ])('refuses %s, without repeating it', (_name, secret) => {
    const error = (() => {
      try {
        readServiceAccount(secret);
      } catch (thrown) {
        return thrown;
      }
      return undefined;
    })();
    expect(error).toMatchObject({ code: 'bad-request', remedy: expect.stringContaining('JSON file') });
    expect(String(error)).not.toMatch(/canary|evil|nonsense/);
  });
});

describe('access tokens', () => {
  let now = AT;
  let answers: { status: number; text: string }[] = [];
  let asked: URLSearchParams[] = [];
  const start = (...texts: { status: number; text: string }[]) => {
    now = AT;
    asked = [];
    answers = texts;
    return createGoogleTokens({
      now: () => now,
      postForm: async (_url, form) => {
        asked.push(form);
        return answers[asked.length - 1] ?? { status: 500, text: '' };
      },
    });
  };
  const token = (value: string) => ({
    status: 200,
    text: JSON.stringify({ access_token: value, expires_in: 3_599, token_type: 'Bearer' }),
  });

  it('are shared by parallel callers and renewed before they end', async () => {
    const tokens = start(token('one'), token('two'));
    expect(await Promise.all([tokens.of(SECRET, ['s']), tokens.of(SECRET, ['s'])])).toEqual(['one', 'one']);
    expect(tokens.values()).toEqual(['one']);
    now += 3_599_000 - 120_001;
    expect(await tokens.of(SECRET, ['s'])).toBe('one');
    now += 1;
    expect(await tokens.of(SECRET, ['s'])).toBe('two');
    expect(asked).toHaveLength(2);
    expect(asked[0]?.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer');
    expect(read(asked[0]?.get('assertion') ?? '').isSigned).toBe(true);
  });

  it('a refused key is said as one, and a failure is not remembered', async () => {
    const refused = { status: 400, text: '{"error":"invalid_grant","error_description":"Invalid JWT Signature."}' };
    const tokens = start(refused, { status: 503, text: 'busy' }, token('late'));
    await expect(tokens.of(SECRET, ['s'])).rejects.toMatchObject({
      code: 'model.auth',
      message: expect.stringContaining('Invalid JWT Signature'),
    });
    await expect(tokens.of(SECRET, ['s'])).rejects.toMatchObject({ code: 'model.overloaded', retryable: true });
    expect(await tokens.of(SECRET, ['s'])).toBe('late');
  });

  it('a forgotten token is fetched anew', async () => {
    const tokens = start(token('one'), token('two'));
    await tokens.of(SECRET, ['s']);
    tokens.forget(SECRET);
    expect(await tokens.of(SECRET, ['s'])).toBe('two');
  });
});
