import { z } from 'zod';
import type { ToolOutcome } from '../../protocol/tool.ts';
import { pathInside } from './file-label.ts';
import { fileOutcome, programProblem, succeeded } from './file-outcome.ts';
import { runProgram } from './sandbox-program.ts';
import type { Tool, ToolContext } from './tool.ts';

export const WriteFileInput = z.strictObject({
  path: z.string().min(1).describe('File inside the sandbox; relative paths start in /data. Folders are made.'),
  content: z.string().max(10_000_000).describe('The whole new content.'),
});
export type WriteFileInput = z.infer<typeof WriteFileInput>;

/** Content comes through stdin. A new file takes the old one's place whole, so that a full disk leaves the old one. */
export const WRITE_SCRIPT = `mkdir -p -- "\${1%/*}/" || exit 1
[ ! -d "$1" ] || { echo "it is a folder" >&2; exit 2; }
if [ -L "$1" ] || [ ! -e "$1" ] || [ ! -f "$1" ]; then exec cat > "$1"; fi
new="$1.new.$$"
cp -p -- "$1" "$new" 2>/dev/null && cat > "$new" && mv -f -- "$new" "$1" || { rm -f -- "$new"; [ -w "$1" ] || echo "it cannot be written" >&2; exit 1; }`;

export function createWriteFile(): Tool<WriteFileInput> {
  return {
    name: 'write_file',
    description: 'Writes a text file of the sandbox, in place of what it held before.',
    input: WriteFileInput,
    risk: 'sandbox-write',
    idempotent: true,
    parallel: false,
    execute,
  };
}

async function execute(input: WriteFileInput, context: ToolContext): Promise<ToolOutcome> {
  const path = pathInside(input.path);
  const result = await runProgram(context, ['sh', '-c', WRITE_SCRIPT, 'sh', path], { input: input.content });
  if (!succeeded(result)) return programProblem(path, `Writing ${path}`, result);
  const bytes = Buffer.byteLength(input.content);
  return fileOutcome(path, `Wrote ${bytes} bytes to ${path}.`, { bytes });
}
