/**
 * Many byte patterns in one pass: Wu-Manber with blocks of two bytes. One table lookup moves ahead by up to the length of
 * the shortest pattern, so a chunk of a stream costs a handful of lookups however many patterns there are.
 */
export interface PatternTable {
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

export interface Hit {
  readonly from: number;
  readonly to: number;
}

/** Longest first, so that a secret that begins with another one is replaced whole. */
export function buildTable(given: readonly Buffer[]): PatternTable {
  const patterns = [...given].sort((a, b) => b.length - a.length);
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

export function searchFrom(table: PatternTable, data: Buffer, from: number): Hit | undefined {
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
    if (length > 0) return { from: at, to: at + length };
    i += 1;
  }
  return undefined;
}

export function searchAll(table: PatternTable, data: Buffer): Hit[] {
  const hits: Hit[] = [];
  for (let hit = searchFrom(table, data, 0); hit; hit = searchFrom(table, data, hit.to)) hits.push(hit);
  return hits;
}

/** Length of the longest end of `data`, behind `from`, that is the beginning of a pattern. */
export function heldBack(table: PatternTable, data: Buffer, from: number): number {
  const last = data[data.length - 1];
  if (last === undefined || table.inner[last] === 0) return 0;
  for (let at = Math.max(from, data.length - table.longest + 1); at < data.length; at += 1) {
    const length = data.length - at;
    for (const pattern of table.byFirst.get(data[at] ?? -1) ?? []) {
      if (length < pattern.length && data.compare(pattern, 0, length, at) === 0) return length;
    }
  }
  return 0;
}

function matchAt(patterns: readonly Buffer[] | undefined, data: Buffer, at: number): number {
  for (const pattern of patterns ?? []) {
    if (at + pattern.length > data.length) continue;
    if (data.compare(pattern, 0, pattern.length, at, at + pattern.length) === 0) return pattern.length;
  }
  return 0;
}

function add(map: Map<number, Buffer[]>, key: number, pattern: Buffer): void {
  const list = map.get(key);
  if (list) list.push(pattern);
  else map.set(key, [pattern]);
}
