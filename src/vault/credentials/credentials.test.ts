import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CredentialFacts, handlesIn, matchesGlob, replaceHandles } from '../../protocol/credential.ts';
import { createFreezes, type Freezes } from '../freeze/freezes.ts';
import { openVaultDatabase } from '../store/database.ts';
import { KeyRing } from '../store/key-ring.ts';
import { createMeta } from '../store/meta.ts';
import { createSecrets } from '../store/secrets.ts';
import { type Credentials, createCredentials } from './credentials.ts';

const SYSTEM = 'sk-system-tier-0123456789';
const FACTS: CredentialFacts = { kind: 'value', note: '', places: [] };
let directory: string;
let database: DatabaseSync;
let ring: KeyRing;
let freezes: Freezes;
let credentials: Credentials;

function compose(): Credentials {
  freezes = createFreezes(database, Date.now);
  const made = createCredentials({ database, ring, now: Date.now, frozen: freezes.of });
  made.load();
  return made;
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'hf-cred-'));
  database = openVaultDatabase(join(directory, 'vault.db'));
  ring = await KeyRing.open(
    { kind: 'none' },
    { database, meta: createMeta(database), keyFile: join(directory, 'key') },
  );
  credentials = compose();
});
afterEach(() => {
  database.close();
  rmSync(directory, { recursive: true, force: true });
});

function valueFor(agent: string, name: string): string | undefined {
  const resolved = credentials.resolve({ agent, name });
  return resolved.kind === 'ok' ? resolved.credential.parts.value : undefined;
}

describe('credentials of the agent tier', () => {
  it('are resolved for those who were granted them and for nobody else', () => {
    credentials.add('Brave_Search', { facts: FACTS, parts: { value: 'bsa-1' } });
    expect(valueFor('scout', 'brave_search')).toBeUndefined();
    credentials.grants.add('scout', 'brave_*');
    expect(valueFor('scout', 'BRAVE_search')).toBe('bsa-1');
    expect(valueFor('other', 'brave_search')).toBeUndefined();
    expect(credentials.namesFor('scout').map(({ name }) => name)).toEqual(['brave_search']);
    expect(credentials.namesFor('other')).toEqual([]);
    expect(credentials.grants.remove('scout', 'BRAVE_*')).toBe(true);
    expect(valueFor('scout', 'brave_search')).toBeUndefined();
  });

  it('answer alike for what is not granted and what does not exist', () => {
    credentials.add('there', { facts: FACTS, parts: { value: 'x' } });
    const words = (name: string) => JSON.stringify(credentials.resolve({ agent: 'scout', name })).replaceAll(name, 'N');
    expect(words('there')).toBe(words('absent'));
  });

  it('never reach the system tier, whatever the name or the pattern', () => {
    const secrets = createSecrets(database, ring);
    secrets.put('provider.openai', Buffer.from(SYSTEM));
    secrets.put('openai', Buffer.from(SYSTEM));
    for (const name of ['provider.openai', 'Provider.x', 'system.a', 'holdfast.canary'])
      expect(() => credentials.add(name, { facts: FACTS, parts: { value: 'x' } })).toThrow(/system tier/);
    credentials.grants.add('scout', '*');
    credentials.grants.add('scout', 'provider.*');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.constantFrom(
            'provider.openai',
            'PROVIDER.OPENAI',
            'openai',
            '../provider.openai',
            'provider.openai\0',
            '',
          ),
          fc.string(),
        ),
        (name) => {
          expect(credentials.resolve({ agent: 'scout', name }).kind).toBe('denied');
        },
      ),
    );
    expect(credentials.namesFor('scout')).toEqual([]);
    expect(JSON.stringify(credentials.list())).not.toContain('provider');
  });

  it('do not open a row that was moved over from the system tier', () => {
    const secrets = createSecrets(database, ring);
    secrets.put('provider.openai', Buffer.from(JSON.stringify({ value: SYSTEM })));
    database.exec(
      `INSERT INTO credentials SELECT 'mine', 'value', '', '[]', 1, 0, NULL, nonce, sealed, tag FROM secrets`,
    );
    expect(() => compose()).toThrow(/does not authenticate/);
  });

  it('do not open with another place to go', () => {
    credentials.add('a', { facts: { ...FACTS, places: ['https://api.example.org'] }, parts: { value: 'x' } });
    database.exec(`UPDATE credentials SET places = '["https://evil.example"]'`);
    expect(() => compose()).toThrow(/does not authenticate/);
  });

  it('that are an agent’s own are its alone, also from a pattern that says everything', () => {
    credentials.add('own.scout.db', { facts: FACTS, parts: { value: 'mine' } });
    credentials.grants.add('other', '*');
    credentials.grants.add('other', 'own*');
    expect(valueFor('scout', 'own.scout.db')).toBe('mine');
    expect(valueFor('other', 'own.scout.db')).toBeUndefined();
    credentials.grants.add('other', 'own.scout.*');
    expect(valueFor('other', 'own.scout.db')).toBe('mine');
  });

  it('are of no use while their agent is frozen', () => {
    credentials.add('a', { facts: FACTS, parts: { value: 'x' } });
    credentials.grants.add('scout', 'a');
    freezes.freeze('scout', 'a test', 'host');
    expect(credentials.resolve({ agent: 'scout', name: 'a' })).toMatchObject({
      kind: 'denied',
      reason: expect.stringContaining('a test'),
    });
    freezes.unfreeze('scout');
    freezes.freeze('*', 'all of it', 'owner');
    expect(valueFor('scout', 'a')).toBeUndefined();
  });

  it('have the parts of their kind and no others, and an error never tells a value', () => {
    const facts: CredentialFacts = { ...FACTS, kind: 'basic' };
    for (const parts of [{ username: 'hidden-1' }, { username: 'u', password: 'hidden-2', more: 'hidden-3' }, {}]) {
      const failure = (() => {
        try {
          credentials.add('b', { facts, parts: parts as Record<string, string> });
          return '';
        } catch (error) {
          return String(error);
        }
      })();
      expect(failure).toMatch(/kind basic/);
      expect(failure).not.toMatch(/hidden/);
    }
  });

  it('survive a restart and a new master key, and are renewed only by whoever saw the newest', async () => {
    credentials.add('a', { facts: FACTS, parts: { value: 'first' } });
    credentials.grants.add('scout', 'a');
    expect(credentials.renew('a', 1, { value: 'second' })).toBe(true);
    expect(credentials.renew('a', 1, { value: 'lost' })).toBe(false);
    await ring.changePassphrase(Buffer.from('words'), (from, to) => credentials.reseal(from, to));
    credentials = compose();
    expect(valueFor('scout', 'a')).toBe('second');
    expect(credentials.values()).toEqual(['second']);
  });
});

describe('patterns and handles', () => {
  it('match as a star says, as a regular expression would', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.', '_'), maxLength: 12 });
    const glob = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), maxLength: 8 });
    fc.assert(
      fc.property(glob, text, (pattern, name) => {
        const expected = new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*')}$`).test(name);
        expect([pattern, name, matchesGlob(pattern, name)]).toEqual([pattern, name, expected]);
      }),
      { numRuns: 2_000 },
    );
  });

  it('put a value in once: what it holds is no handle', () => {
    const values = new Map([
      ['a', '$CRED{b}'],
      ['b', 'never'],
    ]);
    expect(replaceHandles('x $CRED{A} $CRED{} $CRED{b c} $cred{b}', (name) => values.get(name) ?? '?')).toBe(
      'x $CRED{b} $CRED{} $CRED{b c} $cred{b}',
    );
    expect(handlesIn('$CRED{A}$CRED{a}$CRED{b.c}')).toEqual(['a', 'b.c']);
  });
});
