import { HoldfastError } from '../../protocol/error.ts';
import type { Arguments } from '../arguments.ts';
import { type CliContext, type Command, JSON_FLAG } from '../command.ts';
import { totpOf } from '../connect.ts';
import { askCode } from '../people/ask.ts';

type Action = (context: CliContext, args: Arguments) => Promise<void>;
const ACTIONS: Readonly<Record<string, Action>> = { setup, confirm, status, remove };
const USAGE = 'setup | confirm --code 123456 | status | remove';

export const totp: Command = {
  summary: 'Your second factor: codes of an authenticator app, asked for when a freeze is ended.',
  usage: USAGE,
  flags: [{ name: 'code', value: 'CODE', help: 'the code, instead of asking for it' }, JSON_FLAG],
  words: [1, 1],
  notes: 'The key is kept sealed in the vault, which alone judges codes. A code is good once.',
  run: async (context, args) => {
    const [name = ''] = args.words;
    const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
    if (action === undefined)
      throw new HoldfastError('bad-request', `totp has no "${name}"`, { remedy: `Usage: holdfast totp ${USAGE}` });
    await action(context, args);
    return 0;
  },
};

async function setup(context: CliContext, args: Arguments): Promise<void> {
  const { secret, uri } = await totpOf(context.home).begin();
  if (args.has('json')) return context.print(JSON.stringify({ secret, uri }));
  context.print('Add this to your authenticator. It is shown only now:');
  context.print(`  key  ${secret.match(/.{1,4}/g)?.join(' ') ?? secret}`);
  context.print(`  uri  ${uri}`);
  if (context.interactive) await confirm(context, args);
  else context.print('Then give its first code: holdfast totp confirm --code 123456');
}

async function confirm(context: CliContext, args: Arguments): Promise<void> {
  await totpOf(context.home).confirm(await askCode(context, args.text('code')));
  context.print('Your second factor is in force.');
}

async function status(context: CliContext, args: Arguments): Promise<void> {
  const isSet = await totpOf(context.home).isSet();
  if (args.has('json')) context.print(JSON.stringify({ set: isSet }));
  else context.print(isSet ? 'A second factor is set up.' : 'No second factor. Set one up: holdfast totp setup');
}

/** Removing it needs a code of it: who only found an open terminal must not be rid of it. */
async function remove(context: CliContext, args: Arguments): Promise<void> {
  const owner = totpOf(context.home);
  await owner.check(await askCode(context, args.text('code')));
  await owner.remove();
  context.print('Removed. A freeze is now ended by a person at this terminal.');
}
