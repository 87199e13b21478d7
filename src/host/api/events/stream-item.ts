import type { EventView, StreamMessage } from '../../../protocol/api.ts';
import type { LiveEvent } from '../../../protocol/event.ts';
import { TOLD_TO_EVERYBODY } from '../../journal/journal.ts';
import { textFrame } from './frame.ts';

/** One event on its way to the subscribers. Its frame is built when the first of them wants it, and then shared. */
export interface StreamItem {
  /** Absent for a live hint. */
  readonly seq: number | undefined;
  readonly runId: string | null;
  readonly sessionId: string | null;
  /** Told to everybody. */
  readonly open: boolean;
  frame(): Buffer;
}

export interface StreamFilter {
  readonly sessionId?: string | undefined;
  readonly runId?: string | undefined;
  /** The person whose eyes it is made for; absent: all is seen. */
  readonly viewer?: string | undefined;
}

export function storedItem(event: EventView): StreamItem {
  const open = TOLD_TO_EVERYBODY.includes(event.event.type);
  return {
    seq: event.seq,
    runId: event.runId,
    sessionId: event.sessionId,
    open,
    frame: once({ type: 'event', event }),
  };
}

export function liveItem(live: LiveEvent, sessionId: string | null): StreamItem {
  return {
    seq: undefined,
    runId: live.runId,
    sessionId,
    open: false,
    frame: once({ type: 'live', live: { ...live } }),
  };
}

export function matches(item: StreamItem, filter: StreamFilter): boolean {
  if (filter.runId !== undefined && item.runId !== filter.runId) return false;
  return filter.sessionId === undefined || item.sessionId === filter.sessionId;
}

export function filterKey(filter: StreamFilter): string {
  return JSON.stringify([filter.sessionId ?? null, filter.runId ?? null, filter.viewer ?? null]);
}

function once(message: StreamMessage): () => Buffer {
  let frame: Buffer | undefined;
  return () => {
    frame ??= textFrame(JSON.stringify(message));
    return frame;
  };
}
