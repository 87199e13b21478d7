import { HoldfastError } from '../../protocol/error.ts';
import type { ApiClient } from '../api-client.ts';
import type { Arguments } from '../arguments.ts';
import { closest } from '../closest.ts';
import type { CliContext, Command } from '../command.ts';
import { JSON_FLAG } from '../command.ts';
import { hostOf } from '../connect.ts';
import { table } from '../render/table.ts';

type Action = (host: ApiClient, context: CliContext, args: Arguments) => Promise<void>;
const ACTIONS: Readonly<Record<string, Action>> = { create, list, revoke };

export const token: Command = {
  summary: 'Tokens for programs that use the API: create, list, revoke.',
  usage: 'create [note] | list | revoke <id>',
  flags: [JSON_FLAG],
  words: [1, 2],
  run: async (context, args) => {
    const [name = ''] = args.words;
    const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
    if (action === undefined) {
      const near = closest(name, Object.keys(ACTIONS));
      throw new HoldfastError('bad-request', `token has no "${name}"`, {
        remedy: near
          ? `Did you mean: holdfast token ${near}`
          : 'Usage: holdfast token create [note] | list | revoke <id>',
      });
    }
    await action(hostOf(context.home), context, args);
    return 0;
  },
};

async function create(host: ApiClient, context: CliContext, args: Arguments): Promise<void> {
  const made = await host.createToken(args.words[1] ?? '');
  if (args.has('json')) return context.print(JSON.stringify(made));
  context.warn(`Token ${made.id}. It is shown only now; send it as: Authorization: Bearer <token>`);
  context.print(made.token);
}

async function list(host: ApiClient, context: CliContext, args: Arguments): Promise<void> {
  const tokens = await host.tokens();
  if (args.has('json')) return context.print(JSON.stringify(tokens));
  if (tokens.length === 0) return context.print('No tokens.');
  const day = (at: number | null): string => (at === null ? 'never' : new Date(at).toISOString().slice(0, 10));
  const rows = tokens.map((one) => [one.id, day(one.createdAt), day(one.lastUsedAt), one.note]);
  for (const line of table([['id', 'created', 'last used', 'note'], ...rows])) context.print(line);
}

async function revoke(host: ApiClient, context: CliContext, args: Arguments): Promise<void> {
  const id = args.words[1];
  if (id === undefined)
    throw new HoldfastError('bad-request', 'revoke needs the id of a token', { remedy: 'See: holdfast token list' });
  await host.revokeToken(id);
  context.print(`Revoked ${id}.`);
}
