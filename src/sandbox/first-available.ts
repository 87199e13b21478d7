/**
 * Two launchers of the same strength as one: the first, and where it cannot run and the second can, the second. The choice
 * is made by probing and then stays; its reason says that there was one.
 */
import type { Launcher, Probe } from './launcher.ts';

type Owned = Launcher & AsyncDisposable;

export function firstAvailable(first: Owned, second: Owned): Owned {
  let chosen: Owned | undefined;

  const probe = async (signal: AbortSignal): Promise<Probe> => {
    const primary = await first.probe(signal);
    chosen = first;
    if (primary.available) return primary;
    const other = await second.probe(signal);
    if (!other.available) return { ...primary, reason: `${primary.reason} Nor ${second.kind}: ${other.reason}` };
    chosen = second;
    return {
      ...other,
      reason: `${other.reason} It stands in for ${first.kind}, which cannot run here: ${primary.reason}`,
    };
  };
  return {
    get kind() {
      return (chosen ?? first).kind;
    },
    probe,
    create: async (spec) => {
      if (chosen === undefined) await probe(AbortSignal.timeout(PROBE_WITHIN_MS));
      return await (chosen ?? first).create(spec);
    },
    sweep: async () => (await first.sweep()) + (await second.sweep()),
    [Symbol.asyncDispose]: async () => {
      await first[Symbol.asyncDispose]();
      await second[Symbol.asyncDispose]();
    },
  };
}

const PROBE_WITHIN_MS = 30_000;
