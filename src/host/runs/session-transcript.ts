import type { TranscriptMessage } from '../../protocol/transcript.ts';
import type { Journal } from '../journal/journal.ts';
import { foldEvents } from './progress.ts';
import type { RunStore } from './run-store.ts';

/**
 * What was said earlier in a session: the transcripts of its finished chat runs, folded from the journal, oldest first.
 * Finished runs never change, so they are kept folded for the sessions used last.
 */
export interface SessionTranscripts {
  before(sessionId: string, runId: string): Promise<readonly TranscriptMessage[]>;
}

const MOST_SESSIONS = 64;

export function createSessionTranscripts(deps: { journal: Journal; runs: RunStore }): SessionTranscripts {
  const kept = new Map<string, Map<string, readonly TranscriptMessage[]>>();

  const ofSession = (sessionId: string): Map<string, readonly TranscriptMessage[]> => {
    const known = kept.get(sessionId) ?? new Map<string, readonly TranscriptMessage[]>();
    kept.delete(sessionId);
    kept.set(sessionId, known);
    const oldest = kept.keys().next();
    if (kept.size > MOST_SESSIONS && oldest.done !== true) kept.delete(oldest.value);
    return known;
  };

  return {
    async before(sessionId, runId) {
      const known = ofSession(sessionId);
      const earlier: TranscriptMessage[] = [];
      for (const run of await deps.runs.chatsOf(sessionId)) {
        if (run.id === runId) break;
        if (run.finished_at === null) continue;
        let messages = known.get(run.id);
        if (messages === undefined) {
          const events = await deps.journal.read({ runId: run.id });
          messages = foldEvents(events.map((stored) => stored.event)).transcript;
          known.set(run.id, messages);
        }
        earlier.push(...messages);
      }
      return earlier;
    },
  };
}
