import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '../../base/atomic-file.ts';
import type { Home } from '../../base/home.ts';
import type { ConfigProblem } from '../../protocol/config.ts';
import { parseConfig } from '../../protocol/config.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { loadConfig, problemLines } from '../load-config.ts';

/** Refuses, before anything was changed, a config.json that could not be written back without losing something. */
export async function checkConfigWritable(home: Home): Promise<void> {
  const text = await readFile(home.configFile, 'utf8').catch(() => '{}');
  try {
    const raw: unknown = JSON.parse(text);
    if (typeof raw === 'object' && raw !== null && !Array.isArray(raw)) return;
  } catch {
    // Falls through to the one message for both.
  }
  const loaded = await loadConfig(home);
  throw new HoldfastError(
    'config.invalid',
    `${home.configFile} is not a JSON object; nothing was changed.\n${problemLines(loaded.ok ? [] : loaded.problems).join('\n')}`,
    { remedy: 'Correct it or move it away, then run setup again.' },
  );
}

/**
 * Sets the model in `config.json`. Every other key stays as it was, unknown ones too; what is wrong with the file
 * is given back, so that it can be said.
 */
export async function writeModel(home: Home, model: string): Promise<readonly ConfigProblem[]> {
  await checkConfigWritable(home);
  const text = await readFile(home.configFile, 'utf8').catch(() => '{}');
  const before: Record<string, unknown> = JSON.parse(text);
  const after = { version: 1, ...before, model };
  await writeFileAtomic(home.configFile, `${JSON.stringify(after, undefined, 2)}\n`);
  const parsed = parseConfig(after);
  return parsed.ok ? [] : parsed.problems;
}
