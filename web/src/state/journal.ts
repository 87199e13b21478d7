import type { EventView } from '../../../src/protocol/api.ts';
import type { JournalEvent, LiveEvent } from '../../../src/protocol/event.ts';
import { addChunk, type Segments } from './draft.ts';

/**
 * What this page knows of the journal. A pure reducer with one invariant: the state depends on the set of stored events
 * received, never on their order or on how often each came. So a resumed stream, a fetched page and a replay can
 * overlap freely. Only the stream moves `cursor` (where it resumes): a fetched event says nothing of its neighbours.
 */
export interface JournalState {
  readonly cursor: number;
  readonly runs: ReadonlyMap<string, RunLog>;
  /** Model output under way, by run. */
  readonly drafts: ReadonlyMap<string, Draft>;
  /** Tool output under way, by `run/call`. */
  readonly outputs: ReadonlyMap<string, ToolOutput>;
}

export interface RunLog {
  /** By `seq`, strictly rising. */
  readonly events: readonly EventView[];
  /** Every event up to the newest is here. */
  readonly complete: boolean;
}

export interface Draft {
  readonly step: number;
  readonly attempt: number;
  readonly text: Segments;
  readonly reasoning: Segments;
}

export interface ToolOutput {
  readonly text: string;
  readonly progress: string;
  /** Earlier text was dropped to keep the page light; the whole output comes with the outcome. */
  readonly cut: boolean;
}

export type JournalAction =
  | { type: 'stream'; event: EventView }
  | { type: 'live'; live: LiveEvent }
  | { type: 'loaded'; runId: string; events: readonly EventView[] }
  | { type: 'caught-up'; seq: number };

export const MAX_LIVE_OUTPUT_CHARS = 20_000;
const MAX_RUNS = 150;

export function emptyJournal(cursor: number): JournalState {
  return { cursor, runs: new Map(), drafts: new Map(), outputs: new Map() };
}

export const outputKey = (runId: string, callId: string): string => `${runId}/${callId}`;

export function applyAction(state: JournalState, action: JournalAction): JournalState {
  switch (action.type) {
    case 'stream':
      return settle(
        {
          ...expectChild(addEvents(state, [action.event]), action.event),
          cursor: Math.max(state.cursor, action.event.seq),
        },
        action.event,
      );
    case 'loaded':
      return markComplete(addEvents(state, action.events), action.runId);
    case 'caught-up':
      // The journal behind the stream is shorter than ours: another home answers now, nothing we hold is true any more.
      return action.seq < state.cursor ? emptyJournal(action.seq) : { ...state, cursor: action.seq };
    case 'live':
      return applyLive(state, action.live);
  }
}

function addEvents(state: JournalState, events: readonly EventView[]): JournalState {
  const runs = new Map(state.runs);
  for (const event of events) {
    if (event.runId === null) continue;
    const log = runs.get(event.runId) ?? { events: [], complete: false };
    runs.set(event.runId, {
      events: insert(log.events, event),
      complete: log.complete || event.event.type === 'run.started',
    });
  }
  return { ...state, runs: evict(runs) };
}

function insert(events: readonly EventView[], event: EventView): readonly EventView[] {
  let at = events.length;
  while (at > 0 && (events[at - 1]?.seq ?? 0) > event.seq) at -= 1;
  if (events[at - 1]?.seq === event.seq) return events;
  return [...events.slice(0, at), event, ...events.slice(at)];
}

/** All of a child run comes after the event that starts it: streamed from there on, it has no past to fetch. */
function expectChild(state: JournalState, { event }: EventView): JournalState {
  return event.type === 'effect.started' && event.childRunId !== undefined
    ? markComplete(state, event.childRunId)
    : state;
}

function markComplete(state: JournalState, runId: string): JournalState {
  const log = state.runs.get(runId) ?? { events: [], complete: true };
  return { ...state, runs: new Map(state.runs).set(runId, { ...log, complete: true }) };
}

/** A page left open for weeks stays small: the finished runs heard of longest ago go first and are fetched when asked for. */
function evict(runs: Map<string, RunLog>): Map<string, RunLog> {
  if (runs.size <= MAX_RUNS) return runs;
  const last = (log: RunLog) => log.events.at(-1)?.seq ?? 0;
  const finished = [...runs].filter(([, log]) => endsRun(log.events.at(-1)?.event));
  finished.sort(([, a], [, b]) => last(a) - last(b));
  for (const [id] of finished.slice(0, runs.size - MAX_RUNS)) runs.delete(id);
  return runs;
}

/** A run that ended with a question goes on when it is answered. */
const endsRun = (event: JournalEvent | undefined): boolean => event?.type === 'run.finished' && event.state !== 'asked';

/** A stored event replaces what was shown live for it. */
function settle(state: JournalState, { runId, event }: EventView): JournalState {
  if (runId === null) return state;
  const draft = state.drafts.get(runId);
  const ends = endsRun(event) || (event.type === 'model.finished' && event.step >= (draft?.step ?? 0));
  if (draft && ends) return { ...state, drafts: without(state.drafts, runId) };
  if (event.type === 'effect.finished')
    return { ...state, outputs: without(state.outputs, outputKey(runId, event.callId)) };
  return state;
}

function without<V>(map: ReadonlyMap<string, V>, key: string): ReadonlyMap<string, V> {
  if (!map.has(key)) return map;
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}

function applyLive(state: JournalState, live: LiveEvent): JournalState {
  if (live.type === 'tool.output' || live.type === 'tool.progress') return addOutput(state, live);
  if (isOver(state, live.runId, live.step)) return state;
  const known = state.drafts.get(live.runId);
  if (known && isOlder(live, known)) return state;
  const current = known && !isOlder(known, live) ? known : emptyDraft(live);
  const draft = { ...current };
  if (live.type === 'draft.reset') Object.assign(draft, emptyDraft(live));
  else if (live.type === 'draft.text') draft.text = addChunk(current.text, live);
  else draft.reasoning = addChunk(current.reasoning, live);
  return { ...state, drafts: new Map(state.drafts).set(live.runId, draft) };
}

const emptyDraft = ({ step, attempt }: { step: number; attempt: number }): Draft => ({
  step,
  attempt,
  text: [],
  reasoning: [],
});

const isOlder = (a: { step: number; attempt: number }, b: { step: number; attempt: number }): boolean =>
  a.step < b.step || (a.step === b.step && a.attempt < b.attempt);

/** A late hint for something that is already settled must not bring it back. */
function isOver(state: JournalState, runId: string, step: number): boolean {
  const events = state.runs.get(runId)?.events ?? [];
  return events.some(({ event }) => endsRun(event) || (event.type === 'model.finished' && event.step >= step));
}

function addOutput(
  state: JournalState,
  live: Extract<LiveEvent, { type: 'tool.output' | 'tool.progress' }>,
): JournalState {
  const events = state.runs.get(live.runId)?.events ?? [];
  const finished = events.findLast(({ event }) => 'callId' in event && event.callId === live.callId);
  if (finished?.event.type === 'effect.finished') return state;
  const key = outputKey(live.runId, live.callId);
  const known = state.outputs.get(key) ?? { text: '', progress: '', cut: false };
  const next = live.type === 'tool.progress' ? { ...known, progress: live.text } : append(known, live.text);
  return { ...state, outputs: new Map(state.outputs).set(key, next) };
}

function append(output: ToolOutput, text: string): ToolOutput {
  const whole = output.text + text;
  const cut = output.cut || whole.length > MAX_LIVE_OUTPUT_CHARS;
  return { ...output, text: whole.slice(-MAX_LIVE_OUTPUT_CHARS), cut };
}
