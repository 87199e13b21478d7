import { joinLabels, type Label } from '../../protocol/label.ts';
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
  /** The join of what those runs have seen; undefined when there were none. */
  labelBefore(sessionId: string, runId: string): Promise<Label | undefined>;
}

const MOST_SESSIONS = 64;

interface Told {
  readonly transcript: readonly TranscriptMessage[];
  readonly label: Label;
}

export function createSessionTranscripts(deps: { journal: Journal; runs: RunStore }): SessionTranscripts {
  const kept = new Map<string, Map<string, Told>>();

  const ofSession = (sessionId: string): Map<string, Told> => {
    const known = kept.get(sessionId) ?? new Map<string, Told>();
    kept.delete(sessionId);
    kept.set(sessionId, known);
    const oldest = kept.keys().next();
    if (kept.size > MOST_SESSIONS && oldest.done !== true) kept.delete(oldest.value);
    return known;
  };

  const earlierThan = async (sessionId: string, runId: string): Promise<readonly Told[]> => {
    const known = ofSession(sessionId);
    const earlier: Told[] = [];
    for (const run of await deps.runs.chatsOf(sessionId)) {
      if (run.id === runId) break;
      if (run.finished_at === null) continue;
      let told = known.get(run.id);
      if (told === undefined) {
        const events = await deps.journal.read({ runId: run.id });
        told = foldEvents(events.map((stored) => stored.event));
        known.set(run.id, { transcript: told.transcript, label: told.label });
      }
      earlier.push(told);
    }
    return earlier;
  };

  return {
    before: async (sessionId, runId) => (await earlierThan(sessionId, runId)).flatMap((told) => [...told.transcript]),
    async labelBefore(sessionId, runId) {
      const labels = (await earlierThan(sessionId, runId)).map((told) => told.label);
      return labels.length === 0 ? undefined : labels.reduce(joinLabels);
    },
  };
}
