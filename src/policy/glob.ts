/**
 * Globs of permissions and rules: `*` stands for any run of characters, also none and also `/`; everything else is
 * itself. Matching never backtracks over more than one star, so no pattern can be slow.
 *
 * Contract of `intersectGlobs`: what both match and nothing else, as globs; where that would take too many of them (more
 * than `MOST_RESULTS`, or two globs of many stars), fewer or none, so that an intersection is never wider than a side.
 */
const MOST_RESULTS = 32;
const MOST_STARS = 20;
const LONGEST = 200;

export function matchGlob(glob: string, text: string): boolean {
  // Most rules fall at their first or last character; only the rest is worth cutting up.
  const first = glob.charCodeAt(0);
  if (first !== STAR_CODE && first !== text.charCodeAt(0)) return glob === text;
  const end = glob.charCodeAt(glob.length - 1);
  if (end !== STAR_CODE && end !== text.charCodeAt(text.length - 1)) return false;
  const star = glob.indexOf('*');
  if (star === -1) return glob === text;
  const last = glob.lastIndexOf('*');
  const tail = glob.length - last - 1;
  if (text.length < star + tail) return false;
  for (let i = 1; i < star; i += 1) if (glob.charCodeAt(i) !== text.charCodeAt(i)) return false;
  const shift = text.length - glob.length;
  for (let i = glob.length - tail; i < glob.length; i += 1) {
    if (glob.charCodeAt(i) !== text.charCodeAt(i + shift)) return false;
  }
  return star === last || matchMiddle(glob.slice(star + 1, last), text.slice(star, text.length - tail));
}

const STAR_CODE = 42;

/** The parts between the first and the last star: each is found as early as it can be. */
function matchMiddle(middle: string, text: string): boolean {
  let from = 0;
  for (const part of middle.split('*')) {
    const at = text.indexOf(part, from);
    if (at === -1) return false;
    from = at + part.length;
  }
  return true;
}

export const matchesAny = (globs: readonly string[], text: string): boolean =>
  globs.some((glob) => matchGlob(glob, text));

/** Whether everything that `narrow` matches is matched by `wide`: a star of `narrow` can only be swallowed by a star. */
export function globCovers(wide: string, narrow: string): boolean {
  if (!narrow.includes('*')) return matchGlob(wide, narrow);
  return wide.includes('*') && matchGlob(wide, narrow.replaceAll('*', STAR));
}

/** Stands for the star of a narrower glob: a code point that is no character, so no glob names it. */
const STAR = '\uFFFF';

export function intersectGlobs(a: string, b: string): readonly string[] {
  const [left, right] = [collapse(a), collapse(b)];
  if (globCovers(left, right)) return [right];
  if (globCovers(right, left)) return [left];
  const stars = (left.split('*').length - 1) * (right.split('*').length - 1);
  if (stars === 0 || stars > MOST_STARS || !endsAgree(left, right)) return [];
  return narrowest(shuffle(left, right)).filter((glob) => glob.length <= LONGEST);
}

/** Sorted, without doubles and without what another entry of the list covers: the same set always looks the same. */
export function tidyGlobs(globs: readonly string[]): readonly string[] {
  const sorted = [...new Set(globs.map(collapse))].sort();
  const patterns = sorted.filter((glob) => glob.includes('*'));
  return sorted.filter((glob) => !patterns.some((wide) => wide !== glob && globCovers(wide, glob)));
}

/** What both lists grant. */
export function meetGlobs(a: readonly string[], b: readonly string[], most: number): string[] {
  const [left, right] = [tidyGlobs(a), tidyGlobs(b)];
  return [...tidyGlobs(left.flatMap((one) => right.flatMap((other) => intersectGlobs(one, other))))].slice(0, most);
}

const collapse = (glob: string): string => glob.replaceAll(/\*{2,}/g, '*');

/** What stands before the first star and after the last one must fit, else nothing can match both. */
function endsAgree(a: string, b: string): boolean {
  const [headA, headB] = [a.slice(0, a.indexOf('*')), b.slice(0, b.indexOf('*'))];
  const [tailA, tailB] = [a.slice(a.lastIndexOf('*') + 1), b.slice(b.lastIndexOf('*') + 1)];
  return (headA.startsWith(headB) || headB.startsWith(headA)) && (tailA.endsWith(tailB) || tailB.endsWith(tailA));
}

/**
 * Walks both globs from their ends to their beginnings; a cell holds the globs that match what both still have to
 * match. The order of the two sides makes no difference, so neither does it to the result.
 */
function shuffle(a: string, b: string): readonly string[] {
  let below: (readonly string[])[] = [];
  for (let i = a.length; i >= 0; i -= 1) {
    const row: (readonly string[])[] = [];
    for (let j = b.length; j >= 0; j -= 1) {
      row[j] = cell(a[i], b[j], { diagonal: below[j + 1] ?? [], down: below[j] ?? [], right: row[j + 1] ?? [] });
    }
    below = row;
  }
  return below[0] ?? [];
}

interface Neighbours {
  /** One character further on both sides, on the left, on the right. */
  readonly diagonal: readonly string[];
  readonly down: readonly string[];
  readonly right: readonly string[];
}

function cell(one: string | undefined, other: string | undefined, { diagonal, down, right }: Neighbours) {
  if (one === undefined && other === undefined) return [''];
  if (one === '*' && other === '*') return narrowest(prefixed('*', [...down, ...right]));
  if (one === '*') return narrowest([...down, ...(other === undefined ? [] : prefixed(other, right))]);
  if (other === '*') return narrowest([...right, ...(one === undefined ? [] : prefixed(one, down))]);
  return one === other && one !== undefined ? prefixed(one, diagonal) : [];
}

const prefixed = (start: string, globs: readonly string[]): string[] => globs.map((glob) => collapse(start + glob));

function narrowest(globs: readonly string[]): readonly string[] {
  if (globs.length < 2) return globs;
  return [...tidyGlobs(globs)].sort((a, b) => a.length - b.length || (a < b ? -1 : 1)).slice(0, MOST_RESULTS);
}
