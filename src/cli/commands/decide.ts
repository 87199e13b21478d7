import type { ApprovalView } from '../../protocol/api.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { ApiClient } from '../api-client.ts';
import type { Command } from '../command.ts';
import { hostOf, vaultCallOf } from '../connect.ts';
import { openApproved } from '../open-for-task.ts';
import { cardLines } from '../render/card.ts';

export const approve = decision('allow', 'Allow a pending approval. It is bound to the exact arguments on its card.');
export const deny = decision('deny', 'Deny a pending approval. The agent is told and goes on without it.');

function decision(answer: 'allow' | 'deny', summary: string): Command {
  return {
    summary,
    usage: '<id>',
    flags: [],
    words: [1, 1],
    notes: 'The id may be cut to any end or beginning that only one pending approval has.',
    run: async (context, args) => {
      const host = hostOf(context.home);
      const id = await find(host, args.words[0] ?? '');
      if (answer === 'allow') await openApproved(host, id, vaultCallOf(context.home));
      const decided = await host.decideApproval(id, answer);
      for (const line of cardLines(decided, context.paint)) context.print(line);
      context.print(decided.state === 'allowed' ? context.paint.green('Allowed.') : context.paint.red('Denied.'));
      return 0;
    },
  };
}

/** A whole id goes to the host as it is, so that its own answer (who decided, when) is what is shown. */
async function find(host: ApiClient, typed: string): Promise<string> {
  if (/^apr_[0-9a-f]{32}$/.test(typed)) return typed;
  const fits = ({ id }: ApprovalView): boolean => id.startsWith(typed) || id.endsWith(typed);
  const found = (await host.approvals('pending')).filter(fits);
  if (found.length === 1 && found[0] !== undefined) return found[0].id;
  const many = found.length > 1;
  throw new HoldfastError(
    many ? 'conflict' : 'not-found',
    `${many ? found.length : 'no'} pending approvals fit "${typed}"`,
    {
      remedy: 'See them all: holdfast pending',
    },
  );
}
