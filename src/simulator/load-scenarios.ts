import { readFile } from 'node:fs/promises';
import { HoldfastError } from '../protocol/error.ts';
import { parseScenario, type Scenario } from './scenario.ts';

/** Reads all files; the problems of all of them come in one error. */
export async function loadScenarios(files: readonly string[]): Promise<Scenario[]> {
  const scenarios: Scenario[] = [];
  const problems: string[] = [];
  for (const file of files) {
    const read = await readScenario(file);
    if (read.ok) scenarios.push(read.scenario);
    else problems.push(...read.problems.map((problem) => `${file}: ${problem}`));
  }
  if (problems.length === 0) return scenarios;
  throw new HoldfastError('config.invalid', problems.join('\n'), {
    remedy: 'Correct these lines; docs/simulator.md describes the scenario language.',
  });
}

async function readScenario(file: string): Promise<ReturnType<typeof parseScenario>> {
  try {
    return parseScenario(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    return { ok: false, problems: [error instanceof Error ? error.message : String(error)] };
  }
}
