import type { Paint } from './paint.ts';
import { plainText } from './plain-text.ts';

interface Shown {
  readonly code: string;
  readonly message: string;
  readonly remedy?: string | undefined;
}

/** How every failure is shown: what happened, its code to search for, and what to do. */
export function errorLines(error: Shown, paint: Paint): string[] {
  const lines = [`${paint.red('error')} ${plainText(error.message)} ${paint.dim(`[${error.code}]`)}`];
  if (error.remedy) lines.push(`${paint.yellow('  fix')} ${plainText(error.remedy)}`);
  return lines;
}
