import { z } from 'zod';
import type { ToolOutcome } from '../../protocol/tool.ts';
import { pathInside } from './file-label.ts';
import { fileOutcome, programProblem } from './file-outcome.ts';
import { plainText } from './plain-text.ts';
import { runProgram } from './sandbox-program.ts';
import type { Tool, ToolContext } from './tool.ts';

export const ListFilesInput = z.strictObject({
  path: z.string().min(1).optional().describe('Folder inside the sandbox. Default /data.'),
  depth: z.number().int().min(1).max(20).optional().describe('Levels of folders to go into. Default 2.'),
  limit: z.number().int().min(1).max(2_000).optional().describe('Entries to show, at most 2000. Default 500.'),
});
export type ListFilesInput = z.infer<typeof ListFilesInput>;

const DEFAULT_LIMIT = 500;
const MAX_BYTES = 1_048_576;
const SHOWN_CHARACTERS = 64_000;
/** type, size in bytes, path below the folder; NUL ends an entry, since a name may hold a newline. */
const FORMAT = '%y\\t%s\\t%P\\0';

export function createListFiles(): Tool<ListFilesInput> {
  return {
    name: 'list_files',
    description: "Lists files and folders of the sandbox with their sizes. The user's folders are under /work.",
    input: ListFilesInput,
    risk: 'sandbox-read',
    idempotent: true,
    parallel: true,
    execute,
  };
}

async function execute(input: ListFilesInput, context: ToolContext): Promise<ToolOutcome> {
  const path = pathInside(input.path ?? '.');
  const limit = input.limit ?? DEFAULT_LIMIT;
  const depth = String(input.depth ?? 2);
  const argv = ['find', path, '-mindepth', '1', '-maxdepth', depth, '-printf', FORMAT] as const;
  const result = await runProgram(context, [...argv], { maxBytes: MAX_BYTES });
  const entries = entriesOf(result.stdout);
  if (entries.length === 0 && result.exit.code !== 0) return programProblem(path, `Listing ${path}`, result);
  if (entries.length === 0) return fileOutcome(path, `[${path} is empty]`, { entries: 0, more: false });
  const { lines, more } = bounded(entries.slice(0, limit).sort().map(lineOf));
  const isCut = more || result.cut || entries.length > limit;
  const note = isCut ? '\n[there is more; list a folder below or raise the limit]' : '';
  const unreadable = result.stderr !== '' && !result.cut ? `\n[${plainText(result.stderr)}]` : '';
  return fileOutcome(path, `${path}:\n${lines.join('\n')}${note}${unreadable}`, { entries: lines.length, more: isCut });
}

/** `path\tsize\ttype`, so that sorting sorts by path. A last entry without its NUL was cut and is left out. */
function entriesOf(bytes: Buffer): string[] {
  return bytes
    .toString('utf8')
    .split('\0')
    .slice(0, -1)
    .map((entry) => {
      const [type = '?', size = '0', ...name] = entry.split('\t');
      return `${name.join('\t')}\0${size}\0${type}`;
    });
}

function lineOf(entry: string): string {
  const [name = '', size = '0', type = '?'] = entry.split('\0');
  const shown = plainText(name).replaceAll('\n', '?');
  if (type === 'd') return `${'-'.padStart(12)}  ${shown}/`;
  return `${size.padStart(12)}  ${shown}${type === 'l' ? ' (link)' : ''}`;
}

function bounded(lines: readonly string[]): { lines: string[]; more: boolean } {
  let room = SHOWN_CHARACTERS;
  const kept = lines.filter((line) => {
    room -= line.length + 1;
    return room > 0;
  });
  return { lines: kept, more: kept.length < lines.length };
}
