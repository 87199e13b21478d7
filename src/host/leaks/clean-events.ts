import type { JournalEvent } from '../../protocol/event.ts';
import { argsHash } from '../runs/hashes.ts';
import type { CleanOptions, LeakGuard } from './leak-guard.ts';

/**
 * The events of one unit, as one message: everything in them that somebody else wrote. Names and ids of our own are left
 * alone, so that a value that happens to look like one cannot tear a row from its event.
 */
const WITH_TEXT: readonly JournalEvent['type'][] = [
  'input.received',
  'model.finished',
  'tool.requested',
  'effect.finished',
  'message.delivered',
];
const OURS = new Set([
  'type',
  'source',
  'messageId',
  'callId',
  'effectId',
  'childRunId',
  'outboxId',
  'argsHash',
  'blob',
  'tool',
  'status',
  'state',
  'stop',
  'wire',
  'model',
  'role',
  'label',
  'origins',
]);

export async function cleanEvents(
  guard: LeakGuard,
  events: readonly JournalEvent[],
  options: CleanOptions,
): Promise<readonly JournalEvent[]> {
  const texts: string[] = [];
  const collect = (text: string): string => {
    texts.push(text);
    return text;
  };
  for (const event of events) if (WITH_TEXT.includes(event.type)) walk(event, collect);
  if (texts.length === 0) return events;
  const clean = await guard.clean(texts, options);
  if (clean === texts || clean.every((text, index) => text === texts[index])) return events;
  let next = 0;
  const replaced = (text: string): string => {
    next += 1;
    return clean[next - 1] ?? text;
  };
  return events.map((event) => (WITH_TEXT.includes(event.type) ? rehashed(walk(event, replaced)) : event));
}

/** A copy with every text put through `change`, in an order that is always the same. */
function walk<T>(value: T, change: (text: string) => string): T;
function walk(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => walk(item, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, OURS.has(key) ? item : walk(item, change)]),
  );
}

/** The hash is that of the arguments as they are kept and run. */
function rehashed(event: JournalEvent): JournalEvent {
  if (event.type !== 'tool.requested') return event;
  return { ...event, argsHash: argsHash(event.tool, event.input) };
}
