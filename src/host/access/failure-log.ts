import type { Clock } from '../../base/clock.ts';
import type { AuditSink } from '../audit/sink.ts';

/**
 * Audit rows of failed attempts to come in. The first of an address is written at once; the others of the same minute are
 * counted and told with the next one, so that somebody who only knocks cannot fill the disk.
 */
export interface FailureLog {
  note(action: 'login.refused' | 'key.refused', address: string, outcome: string): Promise<void>;
}

const QUIET_MS = 60_000;
const MOST_ADDRESSES = 10_000;

export function createFailureLog({ audit, clock }: { audit: AuditSink; clock: Clock }): FailureLog {
  const told = new Map<string, { at: number; since: number }>();
  return {
    note: async (action, address, outcome) => {
      const key = `${action} ${address}`;
      const last = told.get(key);
      if (last !== undefined && clock.now() - last.at < QUIET_MS) {
        last.since += 1;
        return;
      }
      told.delete(key);
      told.set(key, { at: clock.now(), since: 0 });
      const oldest = told.keys().next();
      if (told.size > MOST_ADDRESSES && !oldest.done) told.delete(oldest.value);
      const details = { alsoBefore: last?.since ?? 0 };
      await audit.record({ actor: 'unknown', surface: 'web', action, target: address, outcome, details });
    },
  };
}
