import { readFile } from 'node:fs/promises';
import { CreateAgent, EditAgent } from '../../protocol/agent.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { Permissions } from '../../protocol/permission.ts';
import type { Arguments } from '../arguments.ts';
import type { Flag } from '../command.ts';

/** The flags of `agents add` and `agents edit`. */
export const AGENT_FLAGS: readonly Flag[] = [
  { name: 'title', value: 'TEXT', help: 'how it is called' },
  { name: 'description', value: 'TEXT', help: 'what it is for' },
  { name: 'role', value: 'TEXT', help: 'its role in a few words' },
  { name: 'model', value: 'PROVIDER/MODEL', help: 'its own model; default: the deployment’s' },
  { name: 'thinking', value: 'LEVEL', help: 'off, low, medium, high or default' },
  { name: 'tools', value: 'NAMES', help: 'its tools, with commas' },
  { name: 'schedule', value: 'WHEN', help: 'when it wakes by itself; none: never' },
  { name: 'egress', value: 'PLACES', help: 'what its sandbox would like to reach, with commas' },
  { name: 'memory', value: 'MB', help: 'memory of its sandbox' },
  { name: 'grant', value: 'NAMES', help: 'permissions to add: "can_use_internet; can_spawn=writer,coder"' },
  { name: 'deny', value: 'NAMES', help: 'permissions to take away: "can_spawn; can_use_internet"' },
  { name: 'instructions', value: 'FILE', help: 'becomes its INSTRUCTIONS.md' },
  { name: 'soul', value: 'FILE', help: 'becomes its SOUL.md' },
  { name: 'from', value: 'FILE', help: 'a JSON file with any of the fields' },
  { name: 'daily', value: 'USD', help: 'its budget per day, set in the vault' },
  { name: 'monthly', value: 'USD', help: 'its budget per month, set in the vault' },
];

/** What the flags say, as a change of `before`. */
export async function changeOf(args: Arguments, before: Permissions): Promise<EditAgent> {
  const grants = permissionsOf(args, before);
  const change = {
    ...(await fileOf(args)),
    ...text(args, 'title'),
    ...text(args, 'description'),
    ...text(args, 'role'),
    ...orNull(args, 'model', 'default'),
    ...orNull(args, 'thinking', 'default'),
    ...orNull(args, 'schedule', 'none'),
    ...(args.has('tools') ? { tools: list(args.text('tools') ?? '') } : {}),
    ...sandboxOf(args),
    ...(grants === undefined ? {} : { permissions: grants }),
  };
  return checked(EditAgent, change);
}

export async function newAgentOf(id: string, args: Arguments, defaults: Permissions): Promise<CreateAgent> {
  const { revision: _revision, ...change } = await changeOf(args, defaults);
  const files = {
    ...(args.has('instructions') ? { 'INSTRUCTIONS.md': await readText(args.text('instructions') ?? '') } : {}),
    ...(args.has('soul') ? { 'SOUL.md': await readText(args.text('soul') ?? '') } : {}),
  };
  return checked(CreateAgent, { ...change, id, ...(Object.keys(files).length === 0 ? {} : { files }) });
}

export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new HoldfastError('bad-request', `${path} cannot be read.`, { remedy: 'Check the path.', cause: error });
  }
}

interface Schema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: { issues: readonly Issue[] } };
}
type Issue = { readonly path: readonly PropertyKey[]; readonly message: string };

export function checked<T>(schema: Schema<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.map(String).join('.')}: ${issue.message}`);
  throw new HoldfastError('bad-request', problems.join('; '), { remedy: 'See docs/agents.md for every field.' });
}

const list = (value: string): string[] =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

const text = (args: Arguments, name: string): Record<string, string> =>
  args.has(name) ? { [name]: args.text(name) ?? '' } : {};

const orNull = (args: Arguments, name: string, none: string): Record<string, string | null> =>
  args.has(name) ? { [name]: args.text(name) === none ? null : (args.text(name) ?? '') } : {};

function sandboxOf(args: Arguments): { sandbox?: object } {
  const memory = args.number('memory', 16);
  const sandbox = {
    ...(memory === undefined ? {} : { memoryBytes: Math.round(memory * 1_048_576) }),
    ...(args.has('egress') ? { egress: list(args.text('egress') ?? '') } : {}),
  };
  return Object.keys(sandbox).length === 0 ? {} : { sandbox };
}

async function fileOf(args: Arguments): Promise<object> {
  const path = args.text('from');
  if (path === undefined) return {};
  try {
    const value: unknown = JSON.parse(await readText(path));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
  }
  throw new HoldfastError('bad-request', `${path} is not one JSON object.`, { remedy: 'See docs/agents.md.' });
}

/** `--grant` and `--deny` change single fields; the host gets the whole matrix. */
function permissionsOf(args: Arguments, before: Permissions): Permissions | undefined {
  if (!args.has('grant') && !args.has('deny')) return undefined;
  const next: Record<string, unknown> = { ...before };
  for (const item of (args.text('grant') ?? '').split(';')) {
    const [name = '', value] = item.split('=', 2).map((half) => half.trim());
    if (name === '') continue;
    const old = next[name];
    if (value === undefined) next[name] = true;
    else if (typeof old === 'number') next[name] = Number(value);
    else next[name] = [...new Set([...(Array.isArray(old) ? old : []), ...list(value)])];
  }
  for (const name of (args.text('deny') ?? '').split(';').map((item) => item.trim())) {
    if (name !== '') delete next[name];
  }
  return checked(Permissions, next);
}
