import { HoldfastError } from '../../protocol/error.ts';
import type { Principal } from '../control.ts';
import type { Rates } from '../rates/rates.ts';

/** How often this caller may use this route; throws `rate-limited`, which answers 429 with Retry-After. */
export type EndpointRates = Pick<Rates, 'endpoint'> | undefined;

export function checkRate(rates: EndpointRates, caller: Principal, { method, path }: { method: string; path: string }) {
  const limited = rates?.endpoint(caller, method, path);
  if (limited === undefined) return;
  const { perMinute, retryAfterMs } = limited;
  throw new HoldfastError('rate-limited', `This is more than ${perMinute} requests a minute.`, {
    remedy: `Wait ${Math.max(1, Math.ceil(retryAfterMs / 1_000))} s, or raise rateLimits.endpoints in config.json.`,
    retryAfterMs,
    retryable: true,
  });
}
