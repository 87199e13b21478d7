import { HoldfastError } from '../../protocol/error.ts';

/** What is frozen now, in memory: asked before every run is executed, so that it must cost nothing and never wait. */
export interface FrozenSet {
  /** Why this agent may do nothing; `undefined`: it may. */
  of(agentId: string): Frozen | undefined;
  /** Resolves when the agent is not frozen (any more). Rejects when the signal fires. */
  hold(agentId: string, signal: AbortSignal): Promise<void>;
  add(frozen: Frozen): void;
  delete(scope: string): void;
  all(): readonly Frozen[];
}

export interface Frozen {
  readonly scope: string;
  readonly reason: string;
  readonly actor: string;
  readonly surface: string;
  readonly at: number;
}

export const EVERYTHING = '*';

export function createFrozenSet(): FrozenSet {
  const frozen = new Map<string, Frozen>();
  const held = new Set<() => void>();
  const of: FrozenSet['of'] = (agentId) => frozen.get(EVERYTHING) ?? frozen.get(agentId);
  return {
    of,
    hold: async (agentId, signal) => {
      while (of(agentId) !== undefined) await nextChange(held, signal);
    },
    add: (one) => void frozen.set(one.scope, one),
    delete: (scope) => {
      frozen.delete(scope);
      for (const wake of held) wake();
    },
    all: () => [...frozen.values()],
  };
}

function nextChange(held: Set<() => void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stop = (): void => reject(signal.reason);
  held.add(resolve);
  signal.addEventListener('abort', stop, { once: true });
  return promise.finally(() => {
    held.delete(resolve);
    signal.removeEventListener('abort', stop);
  });
}

/** What a surface answers while an agent is frozen. */
export function paused(frozen: Frozen): string {
  const what = frozen.scope === EVERYTHING ? 'Holdfast is' : `The agent ${frozen.scope} is`;
  return `Paused: ${what} frozen since ${new Date(frozen.at).toISOString().slice(0, 19).replace('T', ' ')} UTC. What you write is kept and answered after it is resumed.`;
}

export function frozenError(frozen: Frozen): HoldfastError {
  return new HoldfastError('conflict', paused(frozen), {
    remedy: `holdfast resume${frozen.scope === EVERYTHING ? '' : ` --agent ${frozen.scope}`}`,
  });
}
