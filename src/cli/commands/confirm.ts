import { HoldfastError } from '../../protocol/error.ts';
import { GRANT_TERMS, type GrantChoice, GrantTerm } from '../../protocol/grant.ts';
import type { Arguments } from '../arguments.ts';
import type { Command, Flag } from '../command.ts';
import { createGrantsClient } from '../grants-client.ts';
import { cardLines } from '../render/card.ts';

const FOR: Flag = { name: 'for', value: 'TERM', help: 'also later: task, week or always (default: this once)' };
const SIMILAR: Flag = { name: 'similar', help: 'with --for: the wider of the two offers on the card' };

export const confirm = answer('allow', 'Answer a question with yes, by the word that its card shows.');
export const cancel = answer('deny', 'Answer a question with no, by the word that its card shows.');

function answer(decision: 'allow' | 'deny', summary: string): Command {
  return {
    summary,
    usage: decision === 'allow' ? '<word> [--for task|week|always [--similar]]' : '<word>',
    flags: decision === 'allow' ? [FOR, SIMILAR] : [],
    words: [1, 1],
    notes: 'holdfast pending shows the questions with their words. A word works once.',
    run: async (context, args) => {
      const client = createGrantsClient({ socketPath: context.home.hostSocket });
      const decided = await client.confirm(args.words[0] ?? '', decision, grantOf(args));
      for (const line of cardLines(decided, context.paint)) context.print(line);
      context.print(decided.state === 'allowed' ? context.paint.green('Allowed.') : context.paint.red('Denied.'));
      return 0;
    },
  };
}

export function grantOf(args: Arguments): GrantChoice | undefined {
  const term = args.text('for');
  if (term === undefined) {
    if (!args.has('similar')) return undefined;
    throw new HoldfastError('bad-request', '--similar needs --for', { remedy: 'Add --for task, week or always.' });
  }
  const parsed = GrantTerm.safeParse(term);
  if (parsed.success) return { term: parsed.data, width: args.has('similar') ? 'similar' : 'exact' };
  throw new HoldfastError('bad-request', `--for is "${term}"`, { remedy: `One of ${GRANT_TERMS.join(', ')}.` });
}
