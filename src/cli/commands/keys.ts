import { HoldfastError } from '../../protocol/error.ts';
import { KEY_ACTIONS, KeyView, MadeKey } from '../../protocol/people.ts';
import type { Arguments } from '../arguments.ts';
import { type CliContext, type Command, JSON_FLAG } from '../command.ts';
import { tell } from '../people/people-api.ts';
import { table } from '../render/table.ts';
import { askHost } from '../typed-request.ts';

type Action = (context: CliContext, args: Arguments) => Promise<void>;
const ACTIONS: Readonly<Record<string, Action>> = { create, list, revoke };
const USAGE = 'create <name> [--actions read,send] [--agents a,b] [--days N] | list | revoke <id>';
const DAY_MS = 86_400_000;

export const keys: Command = {
  summary: 'Keys for other programs, narrowed to actions and agents, for a time.',
  usage: USAGE,
  flags: [
    { name: 'actions', value: 'LIST', help: `create: of ${KEY_ACTIONS.join(', ')} (default read,send)` },
    { name: 'agents', value: 'LIST', help: 'create: agents, with * for any part of a name (default: all)' },
    { name: 'days', value: 'N', help: 'create: how long it is good for (default 366)' },
    JSON_FLAG,
  ],
  words: [1, 2],
  notes: 'A key never approves anything, makes no keys and pulls no switch. It is stored as a hash.',
  run: async (context, args) => {
    const [name = ''] = args.words;
    const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
    if (action === undefined)
      throw new HoldfastError('bad-request', `keys has no "${name}"`, { remedy: `Usage: holdfast keys ${USAGE}` });
    await action(context, args);
    return 0;
  },
};

async function create(context: CliContext, args: Arguments): Promise<void> {
  const days = args.number('days', 1);
  const words = (flag: string): string[] | undefined =>
    args
      .text(flag)
      ?.split(',')
      .map((word) => word.trim());
  const [actions, agents] = [words('actions'), words('agents')];
  const body = {
    name: named(args.words[1], 'create'),
    ...(actions === undefined ? {} : { actions }),
    ...(agents === undefined ? {} : { agents }),
    ...(days === undefined ? {} : { lifetimeMs: Math.round(days * DAY_MS) }),
  };
  const made = await askHost(context.home, MadeKey, { method: 'POST', path: '/api/keys', body });
  if (args.has('json')) return context.print(JSON.stringify(made));
  context.warn(`Key ${made.id}. It is shown only now; send it as: Authorization: Bearer <key>`);
  context.print(made.key);
}

async function list(context: CliContext, args: Arguments): Promise<void> {
  const found = await askHost(context.home, KeyView.array(), { method: 'GET', path: '/api/keys' });
  if (args.has('json')) return context.print(JSON.stringify(found));
  if (found.length === 0) return context.print('No keys.');
  const day = (at: number | null, never: string): string =>
    at === null ? never : new Date(at).toISOString().slice(0, 10);
  const rows = found.map((one) => [
    one.id,
    one.name,
    one.actions?.join(',') ?? 'everything',
    one.agents?.join(',') ?? 'all agents',
    day(one.lastUsedAt, 'never'),
    day(one.expiresAt, 'never'),
  ]);
  for (const line of table([['id', 'name', 'may', 'of', 'last used', 'ends'], ...rows])) context.print(line);
}

async function revoke(context: CliContext, { words }: Arguments): Promise<void> {
  const id = named(words[1], 'revoke');
  await tell(context.home, 'DELETE', `/api/keys/${encodeURIComponent(id)}`);
  context.print(`Revoked ${id}.`);
}

function named(word: string | undefined, action: string): string {
  if (word !== undefined) return word;
  throw new HoldfastError('bad-request', `${action} needs a name or id`, { remedy: `Usage: holdfast keys ${USAGE}` });
}
