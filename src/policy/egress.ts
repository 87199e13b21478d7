import { type EgressRule, rulesOf } from '../protocol/egress.ts';

/**
 * Whether a sandbox may open a connection. Pure: hosts are canonical (lower case, no trailing dot, no brackets), paths
 * are as the origin will get them. Default deny; a deny beats every allow; a run can only have less than its agent.
 */
export interface EgressAsk {
  readonly host: string;
  readonly port: number;
  readonly scheme: 'http' | 'https';
  /** Absent where nobody can see it: in https that is not looked into. */
  readonly method?: string;
  /** Path without the query. */
  readonly path?: string;
}

export interface EgressGrant {
  readonly allow: readonly EgressRule[];
  readonly deny: readonly EgressRule[];
  /** What the run's template lists; absent: all that the agent has. */
  readonly only?: readonly EgressRule[] | undefined;
}

export type EgressVerdict = 'allowed' | 'not-allowed' | 'denied' | 'not-of-this-run';

const DEFAULT_PORTS = { http: 80, https: 443 } as const;
/** Ways to write a separator that a server may read differently from us: no path rule vouches for them. */
const UNCLEAR_PATH = /%(?:2e|2f|5c|25|00)|\.\.|[\\;]/i;

export function judgeEgress(ask: EgressAsk, grant: EgressGrant): EgressVerdict {
  if (grant.deny.some((rule) => denies(rule, ask))) return 'denied';
  if (!grant.allow.some((rule) => allows(rule, ask))) return 'not-allowed';
  if (grant.only !== undefined && !grant.only.some((rule) => allows(rule, ask))) return 'not-of-this-run';
  return 'allowed';
}

/** Whether some request to this place could be allowed; which ones, is judged when they come. */
export function mayReachBy(
  scheme: EgressAsk['scheme'],
  place: Pick<EgressAsk, 'host' | 'port'>,
  { allow, deny, only }: EgressGrant,
): boolean {
  const ask: EgressAsk = { host: place.host, port: place.port, scheme };
  const closed = deny.some((rule) => rule.methods === undefined && rule.path === undefined && denies(rule, ask));
  const isNamed = (rules: readonly EgressRule[]): boolean => rules.some((rule) => sameEnd(rule, ask));
  return !closed && isNamed(allow) && (only === undefined || isNamed(only));
}

function allows(rule: EgressRule, ask: EgressAsk): boolean {
  if (!sameEnd(rule, ask)) return false;
  if (rule.methods !== undefined && (ask.method === undefined || !rule.methods.includes(ask.method))) return false;
  return rule.path === undefined || (ask.path !== undefined && pathFits(rule.path, ask.path, false));
}

/** A deny without a port closes all ports; an unclear path counts as one that it names. */
function denies(rule: EgressRule, ask: EgressAsk): boolean {
  if (!hostFits(rule.host, ask.host)) return false;
  if (rule.port !== undefined && rule.port !== ask.port) return false;
  if (rule.scheme !== undefined && rule.scheme !== ask.scheme) return false;
  if (rule.methods !== undefined && ask.method !== undefined && !rule.methods.includes(ask.method)) return false;
  return rule.path === undefined || ask.path === undefined || pathFits(rule.path, ask.path, true);
}

function sameEnd(rule: EgressRule, ask: EgressAsk): boolean {
  if (rule.scheme !== undefined && rule.scheme !== ask.scheme) return false;
  return hostFits(rule.host, ask.host) && (rule.port ?? DEFAULT_PORTS[ask.scheme]) === ask.port;
}

function hostFits(pattern: string, host: string): boolean {
  return pattern.startsWith('*.')
    ? host.length > pattern.length - 1 && host.endsWith(pattern.slice(1))
    : host === pattern;
}

/** Whether a path is the pattern, or begins with it when it ends in `*`. An unclear path is what `whenUnclear` says. */
export function pathFits(pattern: string, path: string, whenUnclear: boolean): boolean {
  if (UNCLEAR_PATH.test(path)) return whenUnclear;
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}

/** What is left of an agent's places for a run that lists some, as text for people: `registry.example:443`. */
export function describeReach({ allow, deny, only }: EgressGrant): readonly string[] {
  const pairs =
    only === undefined ? allow : allow.flatMap((rule) => only.flatMap((wanted) => meet(rule, wanted) ?? []));
  const open = pairs.filter((rule) => !deny.some((no) => covers(no, rule)));
  const except = deny.filter((no) => open.some((rule) => hostFits(rule.host, no.host) || hostFits(no.host, rule.host)));
  return [...new Set([...open.map(describeRule), ...except.map((rule) => `not ${describeRule(rule)}`)])];
}

const MOST_PLACES = 500;

/** What both lists of places reach, in the same grammar; presets are written out. Commutative, and idempotent after one go. */
export function meetPlaces(a: readonly string[], b: readonly string[]): string[] {
  const pairs = rulesOf(a).flatMap((one) => rulesOf(b).flatMap((other) => meet(one, other) ?? []));
  const kept = pairs.filter(
    (rule) => !pairs.some((wide) => describeRule(wide) !== describeRule(rule) && within(rule, wide)),
  );
  return [...new Set(kept.map(describeRule))].sort().slice(0, MOST_PLACES);
}

/** Whether all that `rule` reaches is reached by `wide`. */
function within(rule: EgressRule, wide: EgressRule): boolean {
  const both = meet(rule, wide);
  return both !== undefined && describeRule(both) === describeRule(rule);
}

/** The rule that holds where both do; undefined where they have nothing in common. */
function meet(a: EgressRule, b: EgressRule): EgressRule | undefined {
  const host = narrower(a.host, b.host, hostFits);
  const methods =
    a.methods && b.methods ? a.methods.filter((method) => b.methods?.includes(method)) : (a.methods ?? b.methods);
  const path = a.path === undefined ? b.path : b.path === undefined ? a.path : narrower(a.path, b.path, pathCovers);
  const scheme = a.scheme ?? b.scheme;
  const port = a.port ?? b.port;
  if (host === undefined || methods?.length === 0) return undefined;
  if (a.path !== undefined && b.path !== undefined && path === undefined) return undefined;
  if (a.scheme !== undefined && b.scheme !== undefined && a.scheme !== b.scheme) return undefined;
  if (!portsMeet(a, b, scheme)) return undefined;
  return {
    host,
    ...(port === undefined ? {} : { port }),
    ...(scheme === undefined ? {} : { scheme }),
    ...(methods === undefined ? {} : { methods }),
    ...(path === undefined ? {} : { path }),
  };
}

/** A rule without a port has the default ports, so one with another port has nothing in common with it. */
function portsMeet(a: EgressRule, b: EgressRule, scheme: EgressRule['scheme']): boolean {
  const schemes = scheme === undefined ? (['http', 'https'] as const) : [scheme];
  return schemes.some((one) => (a.port ?? DEFAULT_PORTS[one]) === (b.port ?? DEFAULT_PORTS[one]));
}

function narrower(a: string, b: string, fits: (wide: string, narrow: string) => boolean): string | undefined {
  if (a === b || fits(a, b)) return b;
  return fits(b, a) ? a : undefined;
}

function pathCovers(wide: string, narrow: string): boolean {
  return wide.endsWith('*') ? narrow.startsWith(wide.slice(0, -1)) : wide === narrow;
}

function covers(deny: EgressRule, rule: EgressRule): boolean {
  if (deny.methods !== undefined || deny.path !== undefined) return false;
  const host = deny.host === rule.host || hostFits(deny.host, rule.host);
  return host && (deny.port === undefined || deny.port === rule.port) && (deny.scheme ?? rule.scheme) === rule.scheme;
}

function describeRule(rule: EgressRule): string {
  const host = rule.host.includes(':') ? `[${rule.host}]` : rule.host;
  const methods = rule.methods === undefined ? '' : `${rule.methods.join(',')}@`;
  const scheme = rule.scheme === undefined ? '' : `${rule.scheme}://`;
  return `${methods}${scheme}${host}${rule.port === undefined ? '' : `:${rule.port}`}${rule.path ?? ''}`;
}
