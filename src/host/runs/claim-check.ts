import { type DoneEffect, findClaims, supportOf } from '../../policy/claims.ts';
import type { CheckedClaim } from '../../protocol/run.ts';
import type { Journal } from '../journal/journal.ts';
import { foldEvents } from './progress.ts';
import type { RunStore } from './run-store.ts';
import type { RunWriter } from './run-writer.ts';

/**
 * Links what a run's final answer says it did to the effects that did it. Earlier runs of the session are looked through
 * only when the run's own effects do not do: the answer may speak of what was done a turn before.
 */
export type ClaimCheck = (writer: RunWriter) => Promise<readonly CheckedClaim[]>;

export function createClaimCheck(deps: { journal: Journal; runs: RunStore }): ClaimCheck {
  return async (writer) => {
    const claims = findClaims(writer.progress.lastText);
    const link = (done: readonly DoneEffect[]): CheckedClaim[] =>
      claims.map((claim) => ({ text: claim.text, effectId: supportOf(claim, done)?.effectId ?? null }));
    const own = link(writer.progress.done);
    if (own.every((claim) => claim.effectId !== null)) return own;
    return link([...(await doneBefore(writer, deps)), ...writer.progress.done]);
  };
}

async function doneBefore(
  { runId, spec }: RunWriter,
  { journal, runs }: { journal: Journal; runs: RunStore },
): Promise<DoneEffect[]> {
  if (spec.kind !== 'chat' || spec.sessionId === undefined) return [];
  const earlier = (await runs.chatsOf(spec.sessionId)).filter((run) => run.id !== runId);
  const events = await Promise.all(earlier.map((run) => journal.read({ runId: run.id })));
  return events.flatMap((stored) => foldEvents(stored.map(({ event }) => event)).done);
}

/** What people read under an answer that says more than was done. */
export function claimMark(unsupported: readonly CheckedClaim[]): string {
  if (unsupported.length === 0) return '';
  const quoted = unsupported.map(({ text }) => `“${text}”`).join(', ');
  return `\n\n⚠ Holdfast found no effect that did this: ${quoted}. Check before you rely on it.`;
}
