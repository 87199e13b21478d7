import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { matchGlob } from '../../policy/glob.ts';
import { type Bucket, takeToken } from '../../policy/token-bucket.ts';
import { ENDPOINT_RATES, type RateLimits, TOOL_RATES } from '../../protocol/rate-limits.ts';
import type { AuditSink } from '../audit/sink.ts';

/**
 * How often each agent may use each tool, and each caller each route. Buckets are in memory: a restart fills them. What
 * is refused is audited, once per bucket and ten seconds with the number of refusals, so that a flood is a few rows.
 */
export interface Rates {
  /** Undefined: go on. */
  tool(agentId: string, tool: string): Limited | undefined;
  endpoint(caller: RateCaller, method: string, path: string): Limited | undefined;
}

export interface RateCaller {
  readonly id: string;
  readonly surface: string;
}

export interface Limited {
  readonly perMinute: number;
  readonly retryAfterMs: number;
}

export interface RatesDeps {
  readonly audit: Pick<AuditSink, 'record'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Logger;
}

const MOST_BUCKETS = 50_000;
const AUDIT_EVERY_MS = 10_000;

interface Entry {
  bucket: Bucket;
  refused: number;
  auditedAt: number;
}

interface Ask {
  readonly key: string;
  readonly perMinute: number;
  readonly actor: string;
  readonly surface: string;
  readonly target: string;
  readonly agentId?: string;
}

export function createRates(limits: RateLimits, { audit, clock, log }: RatesDeps): Rates {
  const entries = new Map<string, Entry>();
  const toolRate = rateFinder({ ...TOOL_RATES, ...limits.tools });
  const endpointRate = rateFinder({ ...ENDPOINT_RATES, ...limits.endpoints });

  const take = (ask: Ask): Limited | undefined => {
    const now = clock.now();
    const entry = entries.get(ask.key);
    const taken = takeToken(entry?.bucket, ask.perMinute, now);
    const next: Entry = entry ?? { bucket: taken.bucket, refused: 0, auditedAt: Number.NEGATIVE_INFINITY };
    next.bucket = taken.bucket;
    entries.delete(ask.key);
    entries.set(ask.key, next);
    // Whoever was quiet longest is forgotten first: at worst a full bucket of its.
    const oldest = entries.keys().next();
    if (entries.size > MOST_BUCKETS && oldest.done !== true) entries.delete(oldest.value);
    if (taken.ok) return undefined;
    next.refused += 1;
    if (now - next.auditedAt >= AUDIT_EVERY_MS) writeDown(ask, next, now);
    return { perMinute: ask.perMinute, retryAfterMs: taken.retryAfterMs };
  };

  const writeDown = ({ actor, surface, target, agentId, perMinute }: Ask, entry: Entry, now: number): void => {
    const { refused } = entry;
    entry.refused = 0;
    entry.auditedAt = now;
    const row = { actor, surface, target, agentId, action: 'rate.limited', outcome: 'limited' } as const;
    // The refusal stands whether or not its row could be written.
    audit.record({ ...row, details: { perMinute, refused } }).catch((error: unknown) => {
      log.error('A rate limit could not be audited', { target, error });
    });
  };

  return {
    tool: (agentId, tool) =>
      take({
        ...{ key: `tool\n${agentId}\n${tool}`, perMinute: toolRate(tool), actor: `agent:${agentId}` },
        ...{ surface: 'run', target: `tool:${tool}`, agentId },
      }),
    endpoint: ({ id, surface }, method, path) => {
      const route = endpointRate.keyOf(`${method} ${path}`);
      const perMinute = endpointRate(`${method} ${path}`);
      return take({ key: `endpoint\n${id}\n${route}`, perMinute, actor: id, surface, target: `route:${route}` });
    },
  };
}

interface RateFinder {
  (name: string): number;
  /** The rule that holds: all that falls under one rule shares one bucket. */
  keyOf(name: string): string;
}

const FALLBACK = 10_000;

function rateFinder(rates: Readonly<Record<string, number>>): RateFinder {
  const globs = Object.keys(rates)
    .filter((key) => key.includes('*'))
    .sort((a, b) => b.length - a.length || (a < b ? -1 : 1));
  const keyOf = (name: string): string =>
    Object.hasOwn(rates, name) ? name : (globs.find((glob) => matchGlob(glob, name)) ?? '*');
  return Object.assign((name: string) => rates[keyOf(name)] ?? FALLBACK, { keyOf });
}
