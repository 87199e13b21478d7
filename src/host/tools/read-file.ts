import { z } from 'zod';
import type { ToolOutcome } from '../../protocol/tool.ts';
import { pathInside } from './file-label.ts';
import { fileOutcome, fileProblem, programProblem } from './file-outcome.ts';
import { plainText } from './plain-text.ts';
import { runProgram } from './sandbox-program.ts';
import type { Tool, ToolContext } from './tool.ts';

export const ReadFileInput = z.strictObject({
  path: z.string().min(1).describe('File inside the sandbox; relative paths start in /data.'),
  offset: z.number().int().min(1).optional().describe('First line to show, from 1.'),
  limit: z.number().int().min(1).max(2_000).optional().describe('Lines to show, at most 2000.'),
});
export type ReadFileInput = z.infer<typeof ReadFileInput>;

const MAX_LINES = 2_000;
const MAX_BYTES = 65_536;
/** $1 path, $2 first line, $3 last line. One line more than asked for tells that there is more. */
const SCRIPT =
  '[ -f "$1" ] || { if [ -d "$1" ]; then echo "it is a folder" >&2; else echo "there is no such file" >&2; fi; exit 2; }; exec sed -n "$2,$3p;$3q" -- "$1"';

export function createReadFile(): Tool<ReadFileInput> {
  return {
    name: 'read_file',
    description: `Shows a text file of the sandbox with line numbers: up to ${MAX_LINES} lines or 64 kB at a time.`,
    input: ReadFileInput,
    risk: 'sandbox-read',
    idempotent: true,
    parallel: true,
    execute,
  };
}

async function execute(input: ReadFileInput, context: ToolContext): Promise<ToolOutcome> {
  const path = pathInside(input.path);
  const first = input.offset ?? 1;
  const limit = input.limit ?? MAX_LINES;
  const argv = ['sh', '-c', SCRIPT, 'sh', path, String(first), String(first + limit)] as const;
  const result = await runProgram(context, [...argv], { maxBytes: MAX_BYTES });
  if (!result.cut && result.exit.code !== 0) return programProblem(path, `Reading ${path}`, result);
  if (result.stdout.includes(0))
    return fileProblem(path, `${path} is not a text file; use run_command to look into it.`);
  const lines = linesOf(result.stdout, result.cut);
  const shown = lines.slice(0, limit);
  if (shown.length === 0) return fileOutcome(path, emptyNote(path, first), { lines: 0, more: false });
  const more = result.cut || lines.length > limit;
  const body = shown.map((line, index) => `${String(first + index).padStart(6)}\t${plainText(line)}`).join('\n');
  const note = more ? `\n[more follows; continue with offset ${first + shown.length}]` : '';
  return fileOutcome(path, `${body}${note}`, { lines: shown.length, more });
}

function emptyNote(path: string, first: number): string {
  return first === 1 ? `[${path} is empty]` : `[${path} has fewer than ${first} lines]`;
}

/** A line that the byte bound cut off is left out, unless it is the only one. */
function linesOf(bytes: Buffer, cut: boolean): string[] {
  const lines = bytes.toString('utf8').split('\n');
  if (lines.at(-1) === '') lines.pop();
  else if (cut && lines.length > 1) lines.pop();
  return lines;
}
