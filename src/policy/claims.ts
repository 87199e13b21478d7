/**
 * What a final answer says it did, held against what was done. Pure. It reads English sentences in the first person that
 * name something outside the answer ("I saved report.md", "I've sent the mail"); an answer that only talks is left alone,
 * and so is one in another language. A claim is supported when an effect of a fitting kind succeeded, and one that names a
 * file when such an effect names it too.
 */
export type ClaimKind = 'file' | 'message' | 'command' | 'booking';

export interface Claim {
  readonly kind: ClaimKind;
  /** The words of the answer. */
  readonly text: string;
  /** Names of files in it. */
  readonly names: readonly string[];
}

/** An effect that succeeded: its tool, and what its arguments and its result say. */
export interface DoneEffect {
  readonly effectId: string;
  readonly tool: string;
  readonly words: string;
}

const VERBS: Readonly<Record<ClaimKind, string>> = {
  file: 'wrote|written|saved|created|updated|edited|changed|modified|fixed|deleted|removed|renamed|moved|uploaded|generated',
  message: 'sent|emailed|e-mailed|messaged|posted|published|notified|forwarded|replied to',
  command: 'ran|executed|installed|deployed|committed|pushed|restarted',
  booking: 'scheduled|booked|ordered|paid|purchased|bought',
};

const ADVERBS = '(?:just |now |also |already |successfully |then )*';
const NOT_DONE = /\b(?:into|out of|above|earlier|before|previously|would|could)\b/i;
const FILE_NAME = /(?:~?\/)?(?:[\w.@-]+\/)*[\w@-][\w.@-]*\.[A-Za-z][A-Za-z0-9]{0,9}\b|(?:~?\/)(?:[\w.@-]+\/)*[\w.@-]+/g;
const FILE_NOUN =
  /\b(?:file|files|folder|folders|directory|script|artifact|artifacts|spreadsheet|repository|branch)\b/i;
const LONGEST_CLAIM = 240;

const patterns = (Object.keys(VERBS) as ClaimKind[]).map(
  (kind) =>
    [
      kind,
      new RegExp(`\\bI(?:'ve|’ve| have)? ${ADVERBS}(?:${VERBS[kind]})\\b[^.!?\\n]*(?:\\.[\\w/][^.!?\\n]*)*`, 'g'),
    ] as const,
);

export function findClaims(answer: string): Claim[] {
  const prose = answer.replaceAll(/```[\s\S]*?(?:```|$)/g, ' ').replaceAll(/^\s*>.*$/gm, ' ');
  return patterns.flatMap(([kind, pattern]) =>
    [...prose.matchAll(pattern)].flatMap(([whole]) => {
      const text = whole.slice(0, LONGEST_CLAIM).trim();
      const names = namesIn(text);
      if (NOT_DONE.test(text) || (kind === 'file' && names.length === 0 && !FILE_NOUN.test(text))) return [];
      return [{ kind, text, names }];
    }),
  );
}

const namesIn = (text: string): string[] =>
  [...new Set(text.match(FILE_NAME) ?? [])].filter((name) => !/^\d/.test(name));

/** Tools whose result may stand for anything: work that was handed to someone else, and servers that we do not know. */
const DELEGATES = /worker|agent|task|plan|hand|delegate|__|mcp/;

const FITS: Readonly<Record<ClaimKind, RegExp>> = {
  file: /write|edit|save|create|move|delete|upload|artifact|file|run_command|http|git|fs_|set_|update/,
  message: /send|mail|message|notify|publish|post|reply|http|run_command|broadcast/,
  command: /run|exec|command|deploy|git|install|docker|test/,
  booking: /schedule|cron|job|book|order|pay|http|wallet|calendar|run_command/,
};

export function supportOf(claim: Claim, done: readonly DoneEffect[]): DoneEffect | undefined {
  const fitting = done.filter(({ tool }) => DELEGATES.test(tool) || FITS[claim.kind].test(tool));
  const [first] = claim.names;
  if (first === undefined) return fitting.at(-1);
  const named = fitting.filter(({ words }) => claim.names.some((name) => words.includes(baseName(name))));
  // Whoever did the work for it may have named the file otherwise; only its own hands are held to the letter.
  return named.at(-1) ?? fitting.findLast(({ tool }) => DELEGATES.test(tool) || tool === 'run_command');
}

const baseName = (name: string): string => name.slice(name.lastIndexOf('/') + 1);
