import type { VaultEvents } from '../audit/events.ts';
import type { Freezes } from '../freeze/freezes.ts';
import { createSecretGuard, type SecretGuard } from '../secret-guard.ts';
import type { Canaries } from './canaries.ts';
import { createMessageScanner, type MessageScanner } from './message-scan.ts';

/**
 * The kill switch that nobody has to pull: whatever leaves is held against the canaries, in every form that real secrets
 * are looked for in, and an agent that sends one, its own or another's, is frozen before the bytes go on.
 */
export interface Tripwire {
  /** Whole bytes that are about to leave. Throws `vault.frozen` when they held a canary. */
  check(agent: string, where: string, bytes: Buffer): void;
  /** The same for what comes in chunks; frozen as soon as the chunk that completes one is shown. */
  watch(agent: string, where: string): (chunk: Buffer) => void;
}

export interface TripwireDeps {
  readonly canaries: Canaries;
  readonly freezes: Freezes;
  readonly events: VaultEvents;
}

/** Above, pieces are not looked for: the whole forms are, in one pass. */
const MESSAGE_BYTES = 1_048_576;

export function createTripwire({ canaries, freezes, events }: TripwireDeps): Tripwire {
  let made: { readonly guard: SecretGuard; readonly scanner: MessageScanner } | undefined;
  canaries.onChange(() => {
    made = undefined;
  });
  const current = () => {
    const values = made ? [] : [...canaries.all().keys()];
    made ??= { guard: createSecretGuard(values), scanner: createMessageScanner(values) };
    return made;
  };
  const trip = (agent: string, where: string): void => {
    if (freezes.of(agent)) return;
    freezes.freeze(agent, `a canary credential was in ${where}`, 'canary');
    events.record({ door: 'host', action: 'canary', target: agent, outcome: where });
  };
  const holds = (bytes: Buffer): boolean => {
    if (bytes.length <= MESSAGE_BYTES) return current().scanner.clean([bytes.toString('utf8')]).found > 0;
    const scan = current().guard.scan();
    scan.push(bytes);
    return scan.found > 0;
  };
  return {
    check: (agent, where, bytes) => {
      if (!holds(bytes)) return;
      trip(agent, where);
      freezes.check(agent);
    },
    watch: (agent, where) => {
      const scan = current().guard.scan();
      return (chunk) => {
        if (scan.found > 0) return;
        scan.push(chunk);
        if (scan.found > 0) trip(agent, where);
      };
    },
  };
}
