import type { TranscriptMessage } from '../../protocol/transcript.ts';
import { estimateTokens } from '../models/estimate.ts';
import { fitTranscript } from '../models/fit-transcript.ts';
import type { RunWriter } from './run-writer.ts';
import type { SessionTranscripts } from './session-transcript.ts';

export interface ModelContextDeps {
  readonly sessions: SessionTranscripts;
  readonly contextWindow: (model: string) => Promise<number | undefined>;
}

/** Where the vault knows no window, one that current models all have. */
const ASSUMED_WINDOW = 64_000;
/** Room for tool descriptions and for what an estimate gets wrong. */
const SHARE_FOR_TRANSCRIPT = 0.8;

/** What a run's model reads: the session so far, then the run's own transcript, cut to its context window. */
export function createModelContext(
  deps: ModelContextDeps,
): (writer: RunWriter) => Promise<readonly TranscriptMessage[]> {
  const { sessions } = deps;
  const windowOf = rememberWindows(deps.contextWindow);
  return async (writer) => {
    const { spec, progress, runId } = writer;
    const earlier =
      spec.kind === 'chat' && spec.sessionId !== undefined ? await sessions.before(spec.sessionId, runId) : [];
    const window = (await windowOf(spec.model)) ?? ASSUMED_WINDOW;
    const budget = window * SHARE_FOR_TRANSCRIPT - spec.limits.maxOutputTokens - estimateTokens(spec.systemPrompt);
    return fitTranscript([...earlier, ...progress.transcript], Math.max(2_000, Math.floor(budget))).transcript;
  };
}

/** A window changes only when the owner sets the provider up anew: one question to the vault per model is enough. */
function rememberWindows(ask: ModelContextDeps['contextWindow']): ModelContextDeps['contextWindow'] {
  const known = new Map<string, number>();
  return async (model) => {
    const window = known.get(model) ?? (await ask(model));
    if (window !== undefined) known.set(model, window);
    return window;
  };
}
