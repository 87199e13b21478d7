/**
 * Loop detection, the seed's ladder: a sliding window of the last calls as (tool, arguments, result). The 2nd identical
 * call gets a warning with its result, the 4th is skipped, and the 9th with the same tool and arguments, whatever came
 * back, ends the run. Skipped calls stay in the window and count towards the end. Exempt tools are never warned or
 * skipped, but do end the run.
 */
export interface LoopEntry {
  readonly tool: string;
  readonly argsHash: string;
  /** Hash of the result; undefined for a call that was skipped. */
  readonly resultHash: string | undefined;
}

export const LOOP_WINDOW = 15;
const WARN_AT = 2;
const SKIP_AT = 4;
const STOP_AT = 9;

export type LoopVerdict = { readonly kind: 'ok' } | { readonly kind: 'skip' | 'stop'; readonly count: number };

/** Before a call: may it run? `count` is the ordinal of this call among its like. */
export function judgeCall(
  history: readonly LoopEntry[],
  call: { readonly tool: string; readonly argsHash: string; readonly exempt: boolean },
): LoopVerdict {
  const alike = window(history).filter((entry) => entry.tool === call.tool && entry.argsHash === call.argsHash);
  if (alike.length + 1 >= STOP_AT) return { kind: 'stop', count: alike.length + 1 };
  if (!call.exempt && mostRepeated(alike) + 1 >= SKIP_AT) return { kind: 'skip', count: mostRepeated(alike) + 1 };
  return { kind: 'ok' };
}

/** After a call: is its result one too many of the same? Returns the ordinal to warn with, else undefined. */
export function warnAfter(history: readonly LoopEntry[], done: LoopEntry, exempt: boolean): number | undefined {
  if (exempt || done.resultHash === undefined) return undefined;
  const count = window(history).filter((entry) => same(entry, done)).length + 1;
  return count >= WARN_AT ? count : undefined;
}

function same(a: LoopEntry, b: LoopEntry): boolean {
  return a.tool === b.tool && a.argsHash === b.argsHash && a.resultHash === b.resultHash;
}

function window(history: readonly LoopEntry[]): readonly LoopEntry[] {
  return history.slice(-LOOP_WINDOW);
}

/** Size of the largest group with one and the same result; a skipped call counts as one more of that group. */
function mostRepeated(alike: readonly LoopEntry[]): number {
  const counts = new Map<string, number>();
  let skipped = 0;
  for (const entry of alike) {
    if (entry.resultHash === undefined) skipped += 1;
    else counts.set(entry.resultHash, (counts.get(entry.resultHash) ?? 0) + 1);
  }
  return skipped + Math.max(0, ...counts.values());
}
