import { HoldfastError } from '../../protocol/error.ts';
import type { GrantView } from '../../protocol/grant.ts';
import type { Command } from '../command.ts';
import { JSON_FLAG } from '../command.ts';
import { createGrantsClient } from '../grants-client.ts';
import { table } from '../render/table.ts';

export const grants: Command = {
  summary: 'What you allowed for longer than one call: list, revoke.',
  usage: '[list] | revoke <id>',
  flags: [JSON_FLAG],
  words: [0, 2],
  run: async (context, args) => {
    const client = createGrantsClient({ socketPath: context.home.hostSocket });
    const [verb = 'list', id] = args.words;
    if (verb === 'revoke' && id !== undefined) {
      const revoked = await client.revoke(id);
      context.print(args.has('json') ? JSON.stringify(revoked) : `Revoked ${revoked.id}: ${revoked.words}`);
      return 0;
    }
    if (verb !== 'list') {
      throw new HoldfastError('bad-request', `grants has no "${args.words.join(' ')}"`, {
        remedy: 'Usage: holdfast grants [list] | revoke <id>',
      });
    }
    const held = await client.list();
    if (args.has('json')) context.print(JSON.stringify(held));
    else if (held.length === 0) context.print('Nothing is allowed beforehand.');
    else for (const line of rows(held)) context.print(line);
    return 0;
  },
};

function rows(held: readonly GrantView[]): string[] {
  const until = (one: GrantView): string => {
    if (one.term === 'task') return 'its run ends';
    return one.expiresAt === null ? 'revoked' : new Date(one.expiresAt).toISOString().slice(0, 16).replace('T', ' ');
  };
  const who = (one: GrantView): string => (one.template === null ? one.agentId : `${one.agentId}/${one.template}`);
  const lines = held.map((one) => [one.id, who(one), one.tool, until(one), one.words]);
  return table([['id', 'for', 'tool', 'until', 'what'], ...lines]);
}
