import type { ErrorShape } from '../../protocol/error.ts';
import type { Paint } from './paint.ts';
import { plainText } from './plain-text.ts';

/** How every failure is shown: what happened, its code to search for, and what to do. */
export function errorLines(error: Pick<ErrorShape, 'code' | 'message' | 'remedy'>, paint: Paint): string[] {
  const lines = [`${paint.red('error')} ${plainText(error.message)} ${paint.dim(`[${error.code}]`)}`];
  if (error.remedy) lines.push(`${paint.yellow('  fix')} ${plainText(error.remedy)}`);
  return lines;
}
