import { z } from 'zod';

/** Integrity, best first. A context's integrity is the worst of what the model has seen. */
export const INTEGRITY = ['owner', 'member', 'system', 'agent', 'untrusted'] as const;
export const Integrity = z.enum(INTEGRITY);
export type Integrity = z.infer<typeof Integrity>;

/** Confidentiality, lowest first. A context's confidentiality is the highest of what the model has seen. */
export const CONFIDENTIALITY = ['public', 'internal', 'private', 'secret'] as const;
export const Confidentiality = z.enum(CONFIDENTIALITY);
export type Confidentiality = z.infer<typeof Confidentiality>;

/** Where a value came from and who may see it. `origins` names the untrusted sources, e.g. `web:example.org`. */
export const Label = z.object({
  integrity: Integrity,
  confidentiality: Confidentiality,
  origins: z.array(z.string()).default([]),
  /** Who may read it, as principals. Absent: everyone for public and internal, the owner for private, nobody for secret. */
  principals: z.array(z.string()).optional(),
});
export type Label = z.infer<typeof Label>;

export const OWNER_LABEL: Label = { integrity: 'owner', confidentiality: 'internal', origins: [] };
export const SYSTEM_LABEL: Label = { integrity: 'system', confidentiality: 'internal', origins: [] };
/** What an agent made itself out of nothing worse. */
export const AGENT_LABEL: Label = { integrity: 'agent', confidentiality: 'internal', origins: [] };
/** A value whose label was lost or never written: nobody knows who wrote it and whom it concerns. */
export const UNLABELLED: Label = { integrity: 'untrusted', confidentiality: 'private', origins: ['unlabelled'] };

/** Most origins that a label names. Beyond it, the rest is this one, which no exception can match. */
export const MOST_ORIGINS = 64;
export const OTHER_ORIGINS = 'more-origins';

/** The join of two labels: worst integrity, highest confidentiality, all origins, only the readers of both. */
export function joinLabels(a: Label, b: Label): Label {
  const integrity = INTEGRITY[Math.max(INTEGRITY.indexOf(a.integrity), INTEGRITY.indexOf(b.integrity))] ?? 'untrusted';
  const level = Math.max(CONFIDENTIALITY.indexOf(a.confidentiality), CONFIDENTIALITY.indexOf(b.confidentiality));
  const confidentiality = CONFIDENTIALITY[level] ?? 'secret';
  const readers = commonReaders(readersOf(a), readersOf(b));
  return {
    integrity,
    confidentiality,
    origins: boundOrigins([...new Set([...a.origins, ...b.origins])]),
    ...(readers === 'everyone' || isUsual(confidentiality, readers) ? {} : { principals: [...readers] }),
  };
}

/** The join of any number; of none, what a label without any source would be. */
export function joinAll(labels: Iterable<Label>): Label {
  let joined: Label = { integrity: 'owner', confidentiality: 'public', origins: [] };
  for (const label of labels) joined = joinLabels(joined, label);
  return joined;
}

export type Readers = 'everyone' | readonly string[];

export function readersOf(label: Label): Readers {
  if (label.principals !== undefined) return label.principals;
  return USUAL_READERS[label.confidentiality];
}

export function mayRead(label: Label, principal: string): boolean {
  const readers = readersOf(label);
  return readers === 'everyone' || readers.includes(principal);
}

export const isUntrusted = (label: Label): boolean => label.integrity === 'untrusted';

export const isPrivate = (label: Label): boolean =>
  label.confidentiality === 'private' || label.confidentiality === 'secret';

/** True when `b` adds nothing to `a`. */
export function covers(a: Label, b: Label): boolean {
  return sameLabel(joinLabels(a, b), joinLabels(a, a));
}

export function sameLabel(a: Label, b: Label): boolean {
  return (
    a.integrity === b.integrity &&
    a.confidentiality === b.confidentiality &&
    sameSet(a.origins, b.origins) &&
    sameReaders(readersOf(a), readersOf(b))
  );
}

const USUAL_READERS: Readonly<Record<Confidentiality, Readers>> = {
  public: 'everyone',
  internal: 'everyone',
  private: ['owner'],
  secret: [],
};

function commonReaders(a: Readers, b: Readers): Readers {
  if (a === 'everyone') return b;
  if (b === 'everyone') return a;
  return a.filter((reader) => b.includes(reader));
}

function isUsual(level: Confidentiality, readers: readonly string[]): boolean {
  return sameReaders(USUAL_READERS[level], readers);
}

function sameReaders(a: Readers, b: Readers): boolean {
  if (a === 'everyone' || b === 'everyone') return a === b;
  return sameSet(a, b);
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  const [left, right] = [new Set(a), new Set(b)];
  return left.size === right.size && [...left].every((item) => right.has(item));
}

/** Order does not matter to what is kept, so that joins give the same set whichever came first. */
function boundOrigins(origins: readonly string[]): string[] {
  if (origins.length <= MOST_ORIGINS) return [...origins];
  const named = origins.filter((origin) => origin !== OTHER_ORIGINS).sort();
  return [...named.slice(0, MOST_ORIGINS - 1), OTHER_ORIGINS];
}
