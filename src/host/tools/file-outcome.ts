import type { JsonValue } from '../../protocol/json.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import { labelOfPath } from './file-label.ts';
import { plainText } from './plain-text.ts';
import type { ProgramResult } from './sandbox-program.ts';

export function fileOutcome(path: string, text: string, data?: JsonValue): ToolOutcome {
  return { status: 'ok', text, ...(data === undefined ? {} : { data }), label: labelOfPath(path) };
}

export function fileProblem(path: string, text: string): ToolOutcome {
  return { status: 'error', text, label: labelOfPath(path) };
}

/** What a program that failed said, or how it ended. */
export function programProblem(path: string, what: string, result: ProgramResult): ToolOutcome {
  if (result.exit.reason === 'aborted' && !result.cut)
    return { status: 'cancelled', text: `${what} was cancelled.`, label: labelOfPath(path) };
  const said = plainText(result.stderr) || `the program ${result.exit.detail}`;
  return fileProblem(path, `${what} failed: ${said}`);
}

export function succeeded(result: ProgramResult): boolean {
  return result.exit.reason === 'exited' && result.exit.code === 0;
}
