/**
 * Keeps every known secret out of what comes back from outside: a copy of the value (plain, JSON-escaped, percent-encoded
 * or base64) is replaced, also when it is cut across chunks. Where nothing is found, the very same bytes go on.
 *
 * The search is Wu-Manber with blocks of two bytes: one table lookup moves ahead by up to the length of the shortest
 * pattern, so a chunk of a stream costs a handful of lookups however many secrets there are. Only the end of a chunk
 * that could be the beginning of a secret is held back until the next chunk decides.
 *
 * Values under 8 bytes are not looked for: they would hit ordinary text. A secret that a model spells out in pieces,
 * token by token in separate events, is not found either.
 */
export interface SecretGuard {
  /** A fresh state for one response. */
  scan(): GuardScan;
}

export interface GuardScan {
  /** What may go on now; empty when all of it is held back. */
  push(chunk: Buffer): Buffer;
  /** What was held back, at the end. */
  flush(): Buffer;
  readonly found: number;
}

const SHORTEST = 8;
const MASK = Buffer.from('[secret]');
const EMPTY = Buffer.alloc(0);

export function createSecretGuard(values: readonly string[]): SecretGuard {
  const patterns = patternsOf(values);
  if (patterns.length === 0) return { scan: () => ({ push: (chunk) => chunk, flush: () => EMPTY, found: 0 }) };
  const table = buildTable(patterns);
  return { scan: () => new Scan(table) };
}

interface Table {
  readonly window: number;
  readonly longest: number;
  /** Bytes that may be skipped, by the last two bytes of the window. */
  readonly shift: Uint8Array;
  /** Patterns by the two bytes that end their first `window` bytes. */
  readonly byBlock: ReadonlyMap<number, readonly Buffer[]>;
  readonly byFirst: ReadonlyMap<number, readonly Buffer[]>;
  /** 1 for a byte that occurs in some pattern before its end: only such a byte can end a held-back beginning. */
  readonly inner: Uint8Array;
}

class Scan implements GuardScan {
  readonly #table: Table;
  #held: Buffer = EMPTY;
  found = 0;

  constructor(table: Table) {
    this.#table = table;
  }

  push(chunk: Buffer): Buffer {
    const data = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const clean = this.#replaced(data);
    const hold = heldBack(this.#table, clean);
    this.#held = hold === 0 ? EMPTY : clean.subarray(clean.length - hold);
    return hold === 0 ? clean : clean.subarray(0, clean.length - hold);
  }

  flush(): Buffer {
    const rest = this.#held;
    this.#held = EMPTY;
    return rest;
  }

  #replaced(data: Buffer): Buffer {
    let from = 0;
    let parts: Buffer[] | undefined;
    for (;;) {
      const hit = search(this.#table, data, from);
      if (!hit) break;
      parts ??= [];
      parts.push(data.subarray(from, hit.at), MASK);
      from = hit.at + hit.length;
      this.found += 1;
    }
    return parts ? Buffer.concat([...parts, data.subarray(from)]) : data;
  }
}

function search(table: Table, data: Buffer, from: number): { at: number; length: number } | undefined {
  const { window, shift } = table;
  const end = data.length;
  let i = from + window - 1;
  while (i < end) {
    const block = ((data[i - 1] ?? 0) << 8) | (data[i] ?? 0);
    const skip = shift[block] ?? 0;
    if (skip > 0) {
      i += skip;
      continue;
    }
    const at = i - window + 1;
    const length = matchAt(table.byBlock.get(block), data, at);
    if (length > 0) return { at, length };
    i += 1;
  }
  return undefined;
}

function matchAt(patterns: readonly Buffer[] | undefined, data: Buffer, at: number): number {
  for (const pattern of patterns ?? []) {
    if (at + pattern.length > data.length) continue;
    if (data.compare(pattern, 0, pattern.length, at, at + pattern.length) === 0) return pattern.length;
  }
  return 0;
}

/** Length of the longest end of `data` that is the beginning of a pattern. */
function heldBack(table: Table, data: Buffer): number {
  const last = data[data.length - 1];
  if (last === undefined || table.inner[last] === 0) return 0;
  for (let at = Math.max(0, data.length - table.longest + 1); at < data.length; at += 1) {
    const length = data.length - at;
    for (const pattern of table.byFirst.get(data[at] ?? -1) ?? []) {
      if (length < pattern.length && data.compare(pattern, 0, length, at) === 0) return length;
    }
  }
  return 0;
}

function buildTable(patterns: readonly Buffer[]): Table {
  const window = Math.min(254, ...patterns.map((pattern) => pattern.length));
  const shift = new Uint8Array(65_536).fill(window - 1);
  const inner = new Uint8Array(256);
  const byBlock = new Map<number, Buffer[]>();
  const byFirst = new Map<number, Buffer[]>();
  for (const pattern of patterns) {
    for (let i = 1; i < window; i += 1) {
      const block = pattern.readUInt16BE(i - 1);
      shift[block] = Math.min(shift[block] ?? 0, window - 1 - i);
    }
    for (const byte of pattern.subarray(0, -1)) inner[byte] = 1;
    add(byBlock, pattern.readUInt16BE(window - 2), pattern);
    add(byFirst, pattern.readUInt8(0), pattern);
  }
  const longest = Math.max(...patterns.map((pattern) => pattern.length));
  return { window, longest, shift, byBlock, byFirst, inner };
}

function add(map: Map<number, Buffer[]>, key: number, pattern: Buffer): void {
  const list = map.get(key);
  if (list) list.push(pattern);
  else map.set(key, [pattern]);
}

/** Longest first, so that a secret that begins with another one is replaced whole. */
function patternsOf(values: readonly string[]): readonly Buffer[] {
  const forms = values.flatMap((value) => {
    if (Buffer.byteLength(value) < SHORTEST) return [];
    const base64 = Buffer.from(value).toString('base64').replace(/=+$/, '');
    return [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value.toWellFormed()), base64];
  });
  return [...new Set(forms)].map((form) => Buffer.from(form)).sort((a, b) => b.length - a.length);
}
