import { z } from 'zod';
import type { ToolOutcome } from '../../protocol/tool.ts';
import { pathInside } from './file-label.ts';
import { fileOutcome, programProblem } from './file-outcome.ts';
import { plainText } from './plain-text.ts';
import { runProgram } from './sandbox-program.ts';
import type { Tool, ToolContext } from './tool.ts';

export const SearchFilesInput = z.strictObject({
  pattern: z.string().min(1).max(10_000).describe('Extended regular expression.'),
  path: z.string().min(1).optional().describe('File or folder inside the sandbox. Default /data.'),
  glob: z.string().min(1).max(1_000).optional().describe('Only files whose name matches, such as *.ts'),
  limit: z.number().int().min(1).max(1_000).optional().describe('Matching lines to show. Default 200.'),
});
export type SearchFilesInput = z.infer<typeof SearchFilesInput>;

const DEFAULT_LIMIT = 200;
const MAX_BYTES = 262_144;
const LONGEST_LINE = 500;
const SHOWN_CHARACTERS = 48_000;
/** $1 pattern, $2 path, $3 glob or empty. Both programs answer 1 when nothing matches. */
const SCRIPT = `if command -v rg >/dev/null 2>&1
then exec rg --no-config --no-heading --with-filename --line-number --color never --no-messages --hidden --no-ignore --sort path \${3:+--glob "$3"} -e "$1" -- "$2"
else exec grep -rnHIE --color=never \${3:+--include="$3"} -e "$1" -- "$2"
fi`;

export function createSearchFiles(): Tool<SearchFilesInput> {
  return {
    name: 'search_files',
    description: 'Searches text files of the sandbox for a regular expression and shows the matching lines.',
    input: SearchFilesInput,
    risk: 'sandbox-read',
    idempotent: true,
    parallel: true,
    execute,
  };
}

async function execute(input: SearchFilesInput, context: ToolContext): Promise<ToolOutcome> {
  const path = pathInside(input.path ?? '.');
  const limit = input.limit ?? DEFAULT_LIMIT;
  const argv = ['sh', '-c', SCRIPT, 'sh', input.pattern, path, input.glob ?? ''] as const;
  const result = await runProgram(context, [...argv], { maxBytes: MAX_BYTES });
  const found = linesOf(result.stdout);
  if (found.length === 0 && result.exit.code === 1 && result.exit.reason === 'exited')
    return fileOutcome(path, `[nothing in ${path} matches]`, { matches: 0, more: false });
  if (found.length === 0 && !result.cut) return programProblem(path, `Searching ${path}`, result);
  const lines = found.slice(0, limit).map(shorten);
  const text = lines.join('\n').slice(0, SHOWN_CHARACTERS);
  const more = result.cut || found.length > limit || text.length === SHOWN_CHARACTERS;
  const note = more ? '\n[there are more matches; narrow the pattern, the path or the glob]' : '';
  return fileOutcome(path, `${text}${note}`, { matches: lines.length, more });
}

function linesOf(bytes: Buffer): string[] {
  const lines = bytes.toString('utf8').split('\n');
  lines.pop(); // Empty after the last newline, or cut.
  return lines;
}

function shorten(line: string): string {
  const plain = plainText(line);
  return plain.length > LONGEST_LINE ? `${plain.slice(0, LONGEST_LINE)}…` : plain;
}
