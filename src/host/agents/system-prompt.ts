import type { PersonaFile } from '../../protocol/agent.ts';

/**
 * What an agent's model reads first. It is put together from the persona files in an order that goes from what changes
 * least to what changes most, and holds nothing that differs from one turn to the next (no time, no spending): the same
 * files give the same bytes, so that a provider can cache it. Each file has its own cap and all together one.
 */
export interface PromptParts {
  /** What every agent of its kind is told, as this version ships it. */
  readonly base: string;
  readonly files: ReadonlyMap<PersonaFile, string>;
}

/** Most characters of each file that a model reads. HEARTBEAT.md and INTERFACE.md are for other readers. */
export const PROMPT_CAPS: readonly (readonly [PersonaFile, number])[] = [
  ['INSTRUCTIONS.md', 12_000],
  ['SOUL.md', 4_000],
  ['AGENTS.md', 8_000],
  ['USER.md', 4_000],
  ['TEAM.md', 8_000],
  ['SYSTEM.md', 6_000],
  ['MEMORY.md', 16_000],
];
export const INTERFACE_CAP = 4_000;
const MOST_IN_ALL = 48_000;
/** Of a memory that is too long, its newest end is kept, too. */
const MEMORY_TAIL = 5_000;

export function systemPrompt({ base, files }: PromptParts): string {
  let left = MOST_IN_ALL;
  const sections = PROMPT_CAPS.flatMap(([name, cap]) => {
    const text = (files.get(name) ?? '').trim();
    const most = Math.min(cap, left);
    if (text === '' || most < 200) return [];
    const shown = clip(name, text, most);
    left -= shown.length;
    return [`# ${name}\n\n${shown}`];
  });
  return [base, ...sections].join('\n\n');
}

function clip(name: PersonaFile, text: string, most: number): string {
  if (text.length <= most) return text;
  const note = `\n\n[Holdfast left out ${text.length - most} characters of ${name} here.]\n\n`;
  const tail = name === 'MEMORY.md' ? Math.min(MEMORY_TAIL, Math.floor(most / 3)) : 0;
  const head = Math.max(0, most - tail - note.length);
  return `${text.slice(0, head)}${note}${tail === 0 ? '' : text.slice(-tail)}`.trimEnd();
}
