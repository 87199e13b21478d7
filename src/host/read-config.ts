import { readFile } from 'node:fs/promises';
import { type HoldfastConfig, parseConfig } from '../protocol/config.ts';
import { HoldfastError } from '../protocol/error.ts';

/** The host's configuration. The CLI checked it before the start; a host that is started by hand checks it again. */
export async function readConfig(
  path: string,
  port: number | undefined,
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<HoldfastConfig> {
  const parsed = parseConfig(withPlanLimits(await readJson(path), env));
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

const PLAN_LIMITS = [
  ['maxAgents', 'HOLDFAST_MAX_AGENTS'],
  ['maxTeams', 'HOLDFAST_MAX_TEAMS'],
] as const;

/** How large the fleet may become is often set by whoever runs the machine, and not by whoever writes the file. */
function withPlanLimits(raw: unknown, env: Readonly<Record<string, string | undefined>>): unknown {
  const set = PLAN_LIMITS.flatMap(([key, name]) => {
    const text = env[name]?.trim() ?? '';
    return text === '' ? [] : [[key, Number(text)] as const];
  });
  const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
  if (set.length === 0 || !isObject(raw)) return raw;
  const limits: unknown = Reflect.get(raw, 'limits') ?? {};
  return { ...raw, limits: isObject(limits) ? { ...limits, ...Object.fromEntries(set) } : limits };
}
