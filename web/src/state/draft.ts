/**
 * Text that streams in as lossy, possibly unordered chunks. Each chunk says where it starts, so applying one twice
 * changes nothing, a late one fills its gap, and a lost one leaves a visible `…` instead of wrong text.
 */
export interface Segment {
  readonly offset: number;
  readonly text: string;
}
export type Segments = readonly Segment[];

const end = (segment: Segment): number => segment.offset + segment.text.length;

export function addChunk(segments: Segments, chunk: Segment): Segments {
  if (chunk.text === '') return segments;
  const last = segments.at(-1);
  if (last && end(last) === chunk.offset) return [...segments.slice(0, -1), join(last, chunk)];
  const sorted = [...segments, chunk].sort((a, b) => a.offset - b.offset);
  return sorted.reduce<Segment[]>((merged, next) => {
    const previous = merged.at(-1);
    if (previous && next.offset <= end(previous)) merged[merged.length - 1] = join(previous, next);
    else merged.push(next);
    return merged;
  }, []);
}

/** Both touch or overlap and `a` starts first; where they overlap they are the same text. */
function join(a: Segment, b: Segment): Segment {
  return { offset: a.offset, text: a.text + b.text.slice(Math.max(0, end(a) - b.offset)) };
}

export function draftText(segments: Segments): string {
  const joined = segments.map((segment) => segment.text).join(' … ');
  return (segments[0]?.offset ?? 0) > 0 ? `… ${joined}` : joined;
}
