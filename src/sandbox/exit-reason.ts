/** Turns what is known about the end of a command into the `Exit` of the contract. Pure. */
import { constants } from 'node:os';
import type { Exit } from './launcher.ts';

export interface EndFacts {
  /** What we did to it, first deed first; undefined when it ended by itself. */
  readonly cause?: { readonly reason: 'timeout' | 'aborted' } | { readonly reason: 'limit'; readonly limit: Limit };
  /** As the launcher's program reported it: 128 + n for signal n, as a shell does. */
  readonly code: number | null;
  readonly signal: string | null;
  /** Why the command could not be started, from the launcher. */
  readonly startFailure?: string | undefined;
  /** Limits that the kernel says were hit. */
  readonly hits: { readonly memory: boolean; readonly processes: boolean };
  readonly durationMs: number;
  readonly wallMs: number;
}

export type Limit = NonNullable<Exit['limit']>;

const SIGNAL_NAMES = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));
const FILE_SIZE_CODE = 128 + constants.signals.SIGXFSZ;

const LIMIT_TEXT: Readonly<Record<Limit, string>> = {
  memory: 'used more memory than its limit',
  processes: 'started more processes than its limit',
  fileSize: 'wrote a file larger than its limit',
  cpu: 'used more CPU time than its limit',
};

export function explainExit(facts: EndFacts): Exit {
  const base = { code: facts.code, signal: facts.signal, durationMs: facts.durationMs };
  const after = seconds(facts.durationMs);
  const { cause } = facts;
  if (cause?.reason === 'timeout') {
    const detail = `ran ${after} and was stopped at its limit of ${seconds(facts.wallMs)}`;
    return { ...base, reason: 'timeout', code: null, signal: 'SIGKILL', detail };
  }
  if (cause?.reason === 'aborted')
    return { ...base, reason: 'aborted', code: null, signal: 'SIGKILL', detail: `was stopped after ${after}` };
  if (cause?.reason === 'limit') return ofLimit({ ...base, code: null, signal: 'SIGKILL' }, cause.limit, after);
  if (facts.startFailure !== undefined)
    return { ...base, reason: 'failed-to-start', code: null, detail: facts.startFailure };
  const hit = kernelLimit(facts);
  if (hit) return ofLimit(base, hit, after);
  return ofProgram(base, after);
}

type Base = Pick<Exit, 'code' | 'signal' | 'durationMs'>;

function ofLimit(base: Base, limit: Limit, after: string): Exit {
  return { ...base, reason: 'limit', limit, detail: `${LIMIT_TEXT[limit]} and ended after ${after}` };
}

/** A command that hit a limit and still ended well dealt with it. */
function kernelLimit(facts: EndFacts): Limit | undefined {
  if (facts.code === 0) return undefined;
  if (facts.hits.memory) return 'memory';
  if (facts.code === FILE_SIZE_CODE) return 'fileSize';
  return facts.hits.processes ? 'processes' : undefined;
}

function ofProgram(base: Base, after: string): Exit {
  const signal = base.signal ?? signalOf(base.code);
  if (signal) return { ...base, signal, reason: 'signalled', detail: `was ended by ${signal} after ${after}` };
  return { ...base, reason: 'exited', detail: `ended with code ${base.code} after ${after}` };
}

/** A program that itself exits with 128 + n cannot be told from one that signal n ended; shells have the same blind spot. */
function signalOf(code: number | null): string | null {
  return code !== null && code > 128 ? (SIGNAL_NAMES.get(code - 128) ?? null) : null;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(ms < 1_000 ? 2 : 1)} s`;
}
