import { HoldfastError } from '../../protocol/error.ts';
import type { Arguments } from '../arguments.ts';
import { closest } from '../closest.ts';
import type { CliContext } from '../command.ts';

export type Action = (context: CliContext, args: Arguments) => Promise<void>;
export type Actions = Readonly<Record<string, Action>>;

/** Runs the action that the first word names; one slip away from a name is told. */
export async function runAction(
  command: string,
  actions: Actions,
  { context, args }: { context: CliContext; args: Arguments },
): Promise<number> {
  const [name = ''] = args.words;
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (action === undefined) {
    const near = closest(name, Object.keys(actions));
    throw new HoldfastError('bad-request', `${command} has no "${name}"`, {
      remedy: near ? `Did you mean: holdfast ${command} ${near}` : `There are: ${Object.keys(actions).join(', ')}.`,
    });
  }
  await action(context, args);
  return 0;
}

/** The n-th word after the action's name; its absence is told in words. */
export function word(args: Arguments, n: number, what: string): string {
  const value = args.words[n];
  if (value !== undefined && value !== '') return value;
  throw new HoldfastError('bad-request', `${args.words[0] ?? ''} needs ${what}`, { remedy: 'See --help.' });
}
