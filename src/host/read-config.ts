import { readFile } from 'node:fs/promises';
import { type HoldfastConfig, parseConfig } from '../protocol/config.ts';
import { HoldfastError } from '../protocol/error.ts';

/** The host's configuration. The CLI checked it before the start; a host that is started by hand checks it again. */
export async function readConfig(path: string, port: number | undefined): Promise<HoldfastConfig> {
  const parsed = parseConfig(await readJson(path));
  if (parsed.ok)
    return port === undefined ? parsed.config : { ...parsed.config, server: { ...parsed.config.server, port } };
  const problems = parsed.problems.map((problem) => `${problem.path}: ${problem.problem}. ${problem.remedy}`);
  throw new HoldfastError('config.invalid', `${path} is not valid. ${problems.join(' ')}`, {
    remedy: 'holdfast config check',
  });
}

async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw new HoldfastError('config.unreadable', `${path} cannot be read.`, { cause: error });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new HoldfastError('config.invalid', `${path} is not valid JSON.`, {
      remedy: 'holdfast config check',
      cause: error,
    });
  }
}
