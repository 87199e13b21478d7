import { describe, expect, it } from 'vitest';
import { EGRESS_PRESETS, EgressPlace, EgressRules, readPlace, rulesOf } from '../protocol/egress.ts';
import { describeReach, type EgressAsk, judgeEgress } from './egress.ts';

const https = (host: string, port = 443): EgressAsk => ({ host, port, scheme: 'https' });
const http = (host: string, path = '/', method = 'GET', port = 80): EgressAsk => ({
  ...{ host, port, path, method },
  scheme: 'http',
});
const judge = (ask: EgressAsk, allow: string[], deny: string[] = [], only?: string[]): string =>
  judgeEgress(ask, { allow: rulesOf(allow), deny: rulesOf(deny), only: only && rulesOf(only) });

describe('a place', () => {
  it.each([
    ['example.org', { host: 'example.org' }],
    ['EXAMPLE.org.', { host: 'example.org' }],
    ['*.example.org:8443', { host: '*.example.org', port: 8_443 }],
    ['https://example.org', { host: 'example.org', scheme: 'https' }],
    ['10.0.0.5:8080', { host: '10.0.0.5', port: 8_080 }],
    ['[fd00::1]:80', { host: 'fd00::1', port: 80 }],
    [
      'GET,HEAD@http://example.org/pub/*',
      { host: 'example.org', scheme: 'http', methods: ['GET', 'HEAD'], path: '/pub/*' },
    ],
  ])('%s is read', (text, rule) => expect(readPlace(text)).toEqual([rule]));

  it.each([
    '',
    '*',
    '*.org',
    'a b',
    'ex*mple.org',
    'http://',
    'ftp://example.org',
    'example.org:0',
    'example.org:65536',
    'user@example.org',
    '0x7f.1',
    '2130706433',
    '127.1',
    '010.0.0.1',
    'müller.example',
    'example..org',
    '-a.example',
    'http://example.org/a/../b',
    'http://example.org/a%2fb',
    'http://example.org/*/x',
    'http://example.org/a?b',
    'http://e.example/a;b',
    'x'.repeat(2_000),
  ])('%j is refused', (text) => expect(readPlace(text)).toBeTypeOf('string'));

  it.each(['example.org/path', 'GET@example.org'])('a method or a path needs the scheme: %s', (text) =>
    expect(readPlace(text)).toContain('needs the scheme'),
  );

  it.each(['https://example.org/path', 'GET@https://example.org'])(
    'a method or a path of https is refused with that reason where nothing is intercepted: %s',
    (text) => {
      expect(EgressPlace.safeParse(text).error?.issues[0]?.message).toContain('inside https is not seen');
      expect(EgressRules.safeParse({ allow: [text] }).error?.issues[0]?.message).toContain(
        'holdfast vault egress <agent> intercept example.org',
      );
      expect(EgressRules.safeParse({ allow: [text], intercept: ['other.example.org'] }).success).toBe(false);
      expect(EgressRules.safeParse({ allow: [text], intercept: ['example.org:8443'] }).success).toBe(false);
      expect(EgressRules.safeParse({ allow: [text], intercept: ['example.org'] }).success).toBe(true);
    },
  );

  it.each([
    ['https://a.example.org/x', '*.example.org', true],
    ['https://example.org/x', '*.example.org', false],
    ['https://*.example.org/x', '*.example.org', true],
    ['https://*.a.example.org/x', '*.example.org', true],
    ['https://*.example.org/x', 'a.example.org', false],
    ['https://a.example.org:8443/x', 'a.example.org:8443', true],
    ['http://example.org/x', 'other.example.org', true],
  ])('a deny of %s with interception of %s is taken: %s', (place, intercept, isTaken) =>
    expect(EgressRules.safeParse({ deny: [place], intercept: [intercept] }).success).toBe(isTaken),
  );

  it('of every preset is valid', () => {
    for (const [name, places] of Object.entries(EGRESS_PRESETS)) {
      expect(places.map(readPlace).filter((rules) => typeof rules === 'string')).toEqual([]);
      expect(readPlace(name)).toHaveLength(places.length);
    }
    expect(readPlace('constructor')).toEqual([{ host: 'constructor' }]);
  });

  it('is named when a list of rules is refused', () => {
    const parsed = EgressRules.safeParse({ allow: ['good.example', 'https://bad.example/x'] });
    expect(parsed.error?.issues[0]?.path).toEqual(['allow', 1]);
  });
});

describe('the verdict', () => {
  it.each([
    [https('example.org'), ['example.org'], 'allowed'],
    [http('example.org'), ['example.org'], 'allowed'],
    [https('example.org', 8_443), ['example.org'], 'not-allowed'],
    [http('example.org', '/', 'GET', 443), ['example.org'], 'not-allowed'],
    [https('example.org', 8_443), ['example.org:8443'], 'allowed'],
    [https('example.org'), [], 'not-allowed'],
    [https('sub.example.org'), ['example.org'], 'not-allowed'],
    [https('example.org.evil.example'), ['example.org'], 'not-allowed'],
    [https('a.example.org'), ['*.example.org'], 'allowed'],
    [https('a.b.example.org'), ['*.example.org'], 'allowed'],
    [https('example.org'), ['*.example.org'], 'not-allowed'],
    [https('.example.org'), ['*.example.org'], 'not-allowed'],
    [https('notexample.org'), ['*.example.org'], 'not-allowed'],
    [http('example.org'), ['https://example.org'], 'not-allowed'],
    [http('e.example', '/pub/a', 'GET'), ['GET@http://e.example/pub/*'], 'allowed'],
    [http('e.example', '/pub/a', 'POST'), ['GET@http://e.example/pub/*'], 'not-allowed'],
    [http('e.example', '/public', 'GET'), ['GET@http://e.example/pub/*'], 'not-allowed'],
    [http('e.example', '/pub/..%2fetc'), ['http://e.example/pub/*'], 'not-allowed'],
    [http('e.example', '/pub/%252e%252e/x'), ['http://e.example/pub/*'], 'not-allowed'],
    [http('e.example', '/pub/..;/x'), ['http://e.example/pub/*'], 'not-allowed'],
    [http('e.example', '/exact/more'), ['http://e.example/exact'], 'not-allowed'],
    [https('registry.npmjs.org'), ['npm'], 'allowed'],
  ] as const)('%j with %j is %s', (ask, allow, verdict) => expect(judge(ask, [...allow])).toBe(verdict));

  it('a deny beats every allow, on every port', () => {
    expect(judge(https('bad.example.org'), ['*.example.org'], ['bad.example.org'])).toBe('denied');
    expect(judge(https('bad.example.org', 8_443), ['bad.example.org:8443'], ['bad.example.org'])).toBe('denied');
    expect(judge(https('good.example.org'), ['*.example.org'], ['bad.example.org'])).toBe('allowed');
    expect(judge(http('e.example', '/x%2fsecret'), ['e.example'], ['http://e.example/secret'])).toBe('denied');
  });

  it('a run may have less than its agent, never more', () => {
    expect(judge(https('a.example'), ['a.example', 'b.example'], [], ['a.example', 'c.example'])).toBe('allowed');
    expect(judge(https('b.example'), ['a.example', 'b.example'], [], ['a.example', 'c.example'])).toBe(
      'not-of-this-run',
    );
    expect(judge(https('c.example'), ['a.example', 'b.example'], [], ['a.example', 'c.example'])).toBe('not-allowed');
    expect(judge(https('a.example'), ['a.example'], [], [])).toBe('not-of-this-run');
  });
});

describe('the reach that people are shown', () => {
  const reach = (allow: string[], only?: string[], deny: string[] = []): readonly string[] =>
    describeReach({ allow: rulesOf(allow), deny: rulesOf(deny), only: only && rulesOf(only) });

  it('is what both name', () => {
    expect(reach(['*.example.org', 'other.example'], ['a.example.org', 'npm'])).toEqual(['a.example.org']);
    expect(reach(['npm'], ['npm', 'pypi'])).toEqual(['https://registry.npmjs.org']);
    expect(reach(['a.example'], ['a.example:8443'])).toEqual([]);
    expect(reach(['a.example'], ['a.example:443'])).toEqual(['a.example:443']);
    expect(reach(['http://a.example/pub/*'], ['GET@http://a.example/pub/x'])).toEqual(['GET@http://a.example/pub/x']);
    expect(reach(['https://a.example'], ['http://a.example'])).toEqual([]);
    expect(reach([], ['npm'])).toEqual([]);
  });

  it('names what is denied inside it', () => {
    expect(reach(['*.example.org'], undefined, ['bad.example.org', 'far.example'])).toEqual([
      '*.example.org',
      'not bad.example.org',
    ]);
    expect(reach(['a.example'], undefined, ['a.example'])).toEqual([]);
  });
});
