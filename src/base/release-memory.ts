/**
 * For processes that are idle most of the time. The young generation grows to 48 MB otherwise and never shrinks; `gc` is for
 * `releaseStartMemory`.
 */
export const LEAN_MEMORY_FLAGS = ['--max-semi-space-size=4', '--expose-gc'] as const;
const AFTER_MS = 1_000;

/**
 * Gives back what only the start of a process needed: a collection of everything, once, when the start is over. Without
 * `--expose-gc` it does nothing. An idle process would otherwise keep that memory for ever, because nothing fills its heap.
 */
export function releaseStartMemory(collect = globalThis.gc): void {
  if (collect === undefined) return;
  setTimeout(() => void collect({ type: 'major', execution: 'async', flavor: 'last-resort' }), AFTER_MS).unref();
}
