import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rulesOf } from '../protocol/egress.ts';
import { NO_PERMISSIONS, Permissions } from '../protocol/permission.ts';
import { RISKS } from '../protocol/tool.ts';
import { judgeEgress } from './egress.ts';
import { globCovers, intersectGlobs, matchesAny, matchGlob } from './glob.ts';
import { isWithinPermissions, meet, meetSome, PERMISSION_FIELDS, tidyPermissions, widerFields } from './meet.ts';
import { isWithin } from './paths.ts';

/** Few letters, so that globs and texts meet often. */
const glob = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*'), minLength: 1, maxLength: 7 });
const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 8 });
const globs = fc.array(glob, { maxLength: 4 });
const nullable = fc.option(globs, { nil: null });
const place = fc.constantFrom(
  'npm',
  'a.example',
  '*.a.example',
  'b.a.example:8443',
  'https://a.example',
  'GET@http://a.example/x/*',
);
const path = fc.record({
  path: fc.constantFrom('/', '/a', '/a/b', '/ab', '/a/b/c', '/d'),
  mode: fc.constantFrom('ro' as const, 'rw' as const),
});
const permissions: fc.Arbitrary<Permissions> = fc.record({
  can_message: globs,
  can_publish: globs,
  can_subscribe: globs,
  blackboard_read: globs,
  blackboard_write: globs,
  allowed_apis: globs,
  allowed_credentials: globs,
  can_use_internet: fc.boolean(),
  allowed_hosts: nullable,
  allowed_egress: fc.option(fc.array(place, { maxLength: 4 }), { nil: null }),
  can_use_browser: fc.boolean(),
  browser_actions: nullable,
  can_spawn: globs,
  can_manage_cron: fc.boolean(),
  can_manage_fleet: fc.boolean(),
  can_manage_teams: fc.boolean(),
  can_edit_agent_config: fc.boolean(),
  can_view_fleet_metrics: fc.boolean(),
  can_route_tasks: fc.boolean(),
  can_request_user_credentials: fc.boolean(),
  can_use_wallet: fc.boolean(),
  wallet_allowed_chains: globs,
  wallet_allowed_contracts: globs,
  wallet_spend_limit_per_tx_usd: fc.nat(100),
  wallet_spend_limit_daily_usd: fc.nat(1_000),
  wallet_rate_limit_per_hour: fc.nat(100),
  allowed_skills: globs,
  allowed_mcp: globs,
  denied_tools: globs,
  denied_risks: fc.subarray([...RISKS]),
  paths: fc.array(path, { maxLength: 4 }),
});

describe('globs', () => {
  it.each([
    ['*', 'anything/at/all', true],
    ['a*', 'a', true],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['*a*b*', 'xxaxxbxx', true],
    ['*ab*ab', 'ab', false],
    ['teams/*/tasks/*', 'teams/x/tasks/1', true],
    ['a.c', 'abc', false],
    ['A', 'a', false],
    ['', '', true],
  ])('%s and %s: %s', (pattern, candidate, expected) => expect(matchGlob(pattern, candidate)).toBe(expected));

  it('match as a slow and plain matcher does', () => {
    const plain = (pattern: string): RegExp =>
      new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll('*', '.*')}$`, 's');
    fc.assert(
      fc.property(glob, text, (g, t) => matchGlob(g, t) === plain(g).test(t)),
      { numRuns: 2_000 },
    );
  });

  it('cover only what they match', () => {
    fc.assert(
      fc.property(glob, glob, text, (a, b, t) => !globCovers(a, b) || !matchGlob(b, t) || matchGlob(a, t)),
      {
        numRuns: 3_000,
      },
    );
  });

  it('meet in exactly what both match', () => {
    fc.assert(
      fc.property(glob, glob, text, (a, b, t) => {
        expect(matchesAny(intersectGlobs(a, b), t)).toBe(matchGlob(a, t) && matchGlob(b, t));
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    ['a*', '*a', ['a', 'a*a']],
    ['teams/*', '*/tasks/*', ['teams/*/tasks/*', 'teams/tasks/*']],
    ['a*', 'b*', []],
    ['teams/sales/*', '*', ['teams/sales/*']],
  ])('%s and %s meet in %j', (a, b, both) => expect([...intersectGlobs(a, b)].sort()).toEqual(both.sort()));

  it('stay quick and never get wider where exactness would take too many', () => {
    const pairs = [
      [`${'a*b'.repeat(60)}*`, `*${'b*a'.repeat(60)}`],
      [`${'ab'.repeat(40)}*${'ab'.repeat(40)}*${'b'.repeat(9)}*a*`, `*${'ab'.repeat(40)}*${'b'.repeat(60)}*a*`],
    ] as const;
    for (const [a, b] of pairs) {
      const both = intersectGlobs(a, b);
      expect(both).toEqual(intersectGlobs(b, a));
      expect(both.every((one) => globCovers(a, one) && globCovers(b, one))).toBe(true);
    }
  });
});

describe('meet', () => {
  it('has every field of the matrix', () => {
    expect(Object.keys(meet(NO_PERMISSIONS, NO_PERMISSIONS)).sort()).toEqual(Object.keys(Permissions.shape).sort());
    expect([...PERMISSION_FIELDS].sort()).toEqual(Object.keys(Permissions.shape).sort());
  });

  it('is commutative', () => {
    fc.assert(
      fc.property(permissions, permissions, (a, b) => {
        expect(meet(a, b)).toEqual(meet(b, a));
      }),
      { numRuns: 300 },
    );
  });

  it('is idempotent', () => {
    fc.assert(
      fc.property(permissions, (a) => {
        expect(meet(tidyPermissions(a), tidyPermissions(a))).toEqual(tidyPermissions(a));
        expect(meet(a, tidyPermissions(a))).toEqual(tidyPermissions(a));
      }),
      { numRuns: 300 },
    );
  });

  it('is never wider than either side, nor with a third', () => {
    fc.assert(
      fc.property(permissions, permissions, permissions, (a, b, c) => {
        const both = meet(a, b);
        expect(widerFields(both, a)).toEqual([]);
        expect(widerFields(both, b)).toEqual([]);
        expect(isWithinPermissions(meet(both, c), c)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('grants what both grant, by each list’s own meaning', () => {
    fc.assert(
      fc.property(permissions, permissions, text, (a, b, name) => {
        const both = meet(a, b);
        const grants = (list: readonly string[] | null): boolean => list === null || matchesAny(list, name);
        expect(grants(both.can_message)).toBe(grants(a.can_message) && grants(b.can_message));
        expect(grants(both.browser_actions)).toBe(grants(a.browser_actions) && grants(b.browser_actions));
        expect(matchesAny(both.denied_tools, name)).toBe(
          matchesAny(a.denied_tools, name) || matchesAny(b.denied_tools, name),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('reaches what both reach', () => {
    const asks = ['a.example', 'b.a.example', 'registry.npmjs.org'].flatMap((host) =>
      [443, 8_443].map((port) => ({ host, port, scheme: 'https' as const })),
    );
    fc.assert(
      fc.property(permissions, permissions, fc.constantFrom(...asks), (a, b, ask) => {
        const reaches = ({ allowed_egress: places }: Permissions): boolean =>
          places === null || judgeEgress(ask, { allow: rulesOf(places), deny: [] }) === 'allowed';
        expect(reaches(meet(a, b))).toBe(reaches(a) && reaches(b));
      }),
      { numRuns: 500 },
    );
  });

  it('holds the folders that both hold, at the weaker mode', () => {
    fc.assert(
      fc.property(permissions, permissions, path, (a, b, wanted) => {
        const holds = ({ paths }: Permissions): boolean =>
          paths.some((one) => isWithin(wanted.path, one.path) && (wanted.mode === 'ro' || one.mode === 'rw'));
        expect(holds(meet(a, b))).toBe(holds(a) && holds(b));
      }),
      { numRuns: 500 },
    );
  });

  it('denies everything rather than forget a denial', () => {
    const many = (letter: string): string[] => Array.from({ length: 900 }, (_, n) => `${letter}${n}`);
    const both = meet({ ...NO_PERMISSIONS, denied_tools: many('a') }, { ...NO_PERMISSIONS, denied_tools: many('b') });
    expect(both.denied_tools).toEqual(['*']);
  });

  it('is what the schema accepts', () => {
    fc.assert(
      fc.property(permissions, permissions, (a, b) => Permissions.safeParse(meet(a, b)).success),
      { numRuns: 100 },
    );
  });

  it('with a bound of some fields leaves the others as they were', () => {
    const wide = Permissions.parse({ can_spawn: ['*'], can_message: ['*'], can_use_internet: true });
    const bounded = meetSome(wide, { can_spawn: ['writer'], can_use_internet: undefined });
    expect(bounded).toMatchObject({ can_spawn: ['writer'], can_message: ['*'], can_use_internet: true });
  });
});
