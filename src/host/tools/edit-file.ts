import { z } from 'zod';
import type { ToolOutcome } from '../../protocol/tool.ts';
import { pathInside } from './file-label.ts';
import { fileOutcome, fileProblem, programProblem, succeeded } from './file-outcome.ts';
import { runProgram } from './sandbox-program.ts';
import type { Tool, ToolContext } from './tool.ts';
import { WRITE_SCRIPT } from './write-file.ts';

export const EditFileInput = z.strictObject({
  path: z.string().min(1).describe('File inside the sandbox; relative paths start in /data.'),
  old_text: z.string().min(1).describe('The exact text to replace. It must occur once, unless all is true.'),
  new_text: z.string().describe('What takes its place.'),
  all: z.boolean().optional().describe('Replace every occurrence.'),
});
export type EditFileInput = z.infer<typeof EditFileInput>;

const MAX_BYTES = 10_000_000;

export function createEditFile(): Tool<EditFileInput> {
  return {
    name: 'edit_file',
    description:
      'Replaces an exact piece of a text file of the sandbox. Give enough surrounding lines to make it the only one. Line endings stay as they are.',
    input: EditFileInput,
    risk: 'sandbox-write',
    idempotent: false,
    parallel: false,
    execute,
    reconcile,
  };
}

async function execute(input: EditFileInput, context: ToolContext): Promise<ToolOutcome> {
  const path = pathInside(input.path);
  const read = await runProgram(context, ['cat', '--', path], { maxBytes: MAX_BYTES });
  if (read.cut) return fileProblem(path, `${path} is larger than ${MAX_BYTES} bytes; edit it with run_command.`);
  if (!succeeded(read)) return programProblem(path, `Reading ${path}`, read);
  const before = read.stdout.toString('utf8');
  if (!Buffer.from(before, 'utf8').equals(read.stdout))
    return fileProblem(path, `${path} is not UTF-8 text; edit it with run_command.`);
  const edit = editText(before, input);
  if (!edit.ok) return fileProblem(path, `${path} was not changed: ${edit.problem}`);
  const write = await runProgram(context, ['sh', '-c', WRITE_SCRIPT, 'sh', path], { input: edit.text });
  if (!succeeded(write)) return programProblem(path, `Writing ${path}`, write);
  return fileOutcome(path, `Replaced ${edit.count} ${edit.count === 1 ? 'place' : 'places'} in ${path}.`, {
    replaced: edit.count,
  });
}

/** After a crash the file itself says whether it was edited: it holds the new text, or still the old one. */
async function reconcile(input: EditFileInput, context: ToolContext): Promise<ToolOutcome | undefined> {
  const path = pathInside(input.path);
  const read = await runProgram(context, ['cat', '--', path], { maxBytes: MAX_BYTES });
  if (read.cut || !succeeded(read)) return undefined;
  const now = read.stdout.toString('utf8');
  if (editText(now, { ...input, all: true }).ok)
    return now.includes(input.new_text) && input.new_text.includes(input.old_text)
      ? undefined
      : await execute(input, context);
  if (input.new_text === '' || !now.includes(input.new_text)) return undefined;
  return fileOutcome(path, `${path} was edited before the host stopped: it holds the new text.`);
}

export type Edit = { ok: true; text: string; count: number } | { ok: false; problem: string };

/** In a file with CRLF line ends, LF in what the model wrote means CRLF. */
export function editText(before: string, input: Pick<EditFileInput, 'old_text' | 'new_text' | 'all'>): Edit {
  const usesCrlf = before.includes('\r\n') && !/(^|[^\r])\n/.test(before);
  const match = (text: string): string => (usesCrlf ? text.replace(/\r?\n/g, '\r\n') : text);
  const parts = before.split(match(input.old_text));
  const count = parts.length - 1;
  if (count === 0)
    return { ok: false, problem: 'old_text does not occur in it. Read the file again and copy the text exactly.' };
  if (count > 1 && !input.all)
    return { ok: false, problem: `old_text occurs ${count} times. Add surrounding lines, or set all to true.` };
  if (input.old_text === input.new_text) return { ok: false, problem: 'old_text and new_text are the same.' };
  return { ok: true, text: parts.join(match(input.new_text)), count };
}
