import { canonicalJson, type JsonValue } from '../protocol/json.ts';

/** One later change of the same thing: what a person took away in it stays taken away. */
export interface LaterChange {
  readonly before: JsonValue;
  readonly after: JsonValue;
}

type Fields = Readonly<Record<string, JsonValue>>;

/**
 * Permissions as an undo may bring them back: what stood before, less all that was taken away since, by whichever change.
 * An undo can make an agent's permissions narrower than they were, never wider than they were made.
 */
export function restorable(before: JsonValue, later: readonly LaterChange[]): JsonValue {
  if (!isFields(before)) return before;
  let fields: Fields = before;
  for (const change of later) {
    if (!isFields(change.before) || !isFields(change.after)) continue;
    const [from, to] = [change.before, change.after];
    fields = Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [name, without(name, value, { from: from[name], to: to[name] })]),
    );
  }
  return { ...fields };
}

interface Step {
  readonly from: JsonValue | undefined;
  readonly to: JsonValue | undefined;
}

function without(name: string, value: JsonValue, { from, to }: Step): JsonValue {
  // What is denied is the other way round: what was added is what was taken away.
  if (name.startsWith('denied_')) return union(value, added(from, to));
  if (typeof value === 'boolean') return value && !(from === true && to !== true);
  if (typeof value === 'number') return typeof to === 'number' && isLess(to, from) ? Math.min(value, to) : value;
  // Null stands for everything: a list in its place took the rest away.
  if (from === null && Array.isArray(to)) return value === null ? to : intersect(value, to);
  if (Array.isArray(value)) {
    const gone = new Set(added(to, from).map(canonicalJson));
    return value.filter((entry) => !gone.has(canonicalJson(entry)));
  }
  return value;
}

const isLess = (to: number, from: JsonValue | undefined): boolean => typeof from === 'number' && to < from;

/** What is in `b` and not in `a`. */
function added(a: JsonValue | undefined, b: JsonValue | undefined): JsonValue[] {
  const known = new Set((Array.isArray(a) ? a : []).map(canonicalJson));
  return (Array.isArray(b) ? b : []).filter((entry) => !known.has(canonicalJson(entry)));
}

const union = (value: JsonValue, more: JsonValue[]): JsonValue =>
  Array.isArray(value) ? [...value, ...added(value, more)] : value;

function intersect(value: JsonValue, list: JsonValue[]): JsonValue {
  const kept = new Set(list.map(canonicalJson));
  return Array.isArray(value) ? value.filter((entry) => kept.has(canonicalJson(entry))) : value;
}

const isFields = (value: JsonValue): value is { [key: string]: JsonValue } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
