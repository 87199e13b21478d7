import { decodeView, hasEscapes, toOriginal } from './leak/decoded-view.ts';
import { formsOf } from './leak/forms.ts';
import { buildTable, type Hit, heldBack, type PatternTable, searchAll } from './leak/pattern-table.ts';

/**
 * Keeps every known secret out of what comes back from outside: a copy of the value (plain, JSON-escaped, percent-encoded
 * in any mix, base64, hex, backwards, packed by itself) is replaced, also when it is cut across chunks. Where nothing is
 * found, the very same bytes go on. Only the end of a chunk that could be the beginning of a secret is held back until the
 * next chunk decides.
 *
 * Values under 8 bytes are not looked for: they would hit ordinary text. Pieces with other text between them are found by
 * `leak/message-scan.ts`, which has the whole message.
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

const MASK = Buffer.from('[secret]');
const EMPTY = Buffer.alloc(0);

export function createSecretGuard(values: readonly string[]): SecretGuard {
  const patterns = [...new Set(values)].flatMap((value) => formsOf(value).map(({ bytes }) => bytes));
  if (patterns.length === 0) return { scan: () => ({ push: (chunk) => chunk, flush: () => EMPTY, found: 0 }) };
  const table = buildTable(patterns);
  return { scan: () => new Scan(table) };
}

class Scan implements GuardScan {
  readonly #table: PatternTable;
  #held: Buffer = EMPTY;
  found = 0;

  constructor(table: PatternTable) {
    this.#table = table;
  }

  push(chunk: Buffer): Buffer {
    const data = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const { hits, holdFrom } = look(this.#table, data);
    this.#held = holdFrom === data.length ? EMPTY : data.subarray(holdFrom);
    this.found += hits.length;
    return hits.length === 0
      ? holdFrom === data.length
        ? data
        : data.subarray(0, holdFrom)
      : masked(data, hits, holdFrom);
  }

  flush(): Buffer {
    const rest = this.#held;
    this.#held = EMPTY;
    return rest;
  }
}

/** All hits, and where the end begins that the next chunk may turn into one. */
function look(table: PatternTable, data: Buffer): { hits: readonly Hit[]; holdFrom: number } {
  const plain = searchAll(table, data);
  const plainHold = data.length - heldBack(table, data, plain.at(-1)?.to ?? 0);
  if (!hasEscapes(data)) return { hits: plain, holdFrom: plainHold };
  const view = decodeView(data);
  const inView = searchAll(table, view.bytes);
  const hits = merged([...plain, ...inView.map((hit) => toOriginal(view, hit))]);
  const viewHold = view.bytes.length - heldBack(table, view.bytes, inView.at(-1)?.to ?? 0);
  const hold = Math.min(plainHold, view.starts[viewHold] ?? data.length);
  return { hits, holdFrom: Math.max(hold, hits.at(-1)?.to ?? 0) };
}

/** In order, and those that touch or overlap as one. */
export function merged(hits: readonly Hit[]): readonly Hit[] {
  const result: Hit[] = [];
  for (const hit of [...hits].sort((a, b) => a.from - b.from)) {
    const last = result.at(-1);
    if (last && hit.from < last.to) result[result.length - 1] = { from: last.from, to: Math.max(last.to, hit.to) };
    else result.push(hit);
  }
  return result;
}

export function masked(data: Buffer, hits: readonly Hit[], end: number): Buffer {
  const parts: Buffer[] = [];
  let from = 0;
  for (const hit of hits) {
    parts.push(data.subarray(from, hit.from), MASK);
    from = hit.to;
  }
  return Buffer.concat([...parts, data.subarray(from, end)]);
}
