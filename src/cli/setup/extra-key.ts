import { HoldfastError } from '../../protocol/error.ts';
import { MOST_KEYS } from '../../protocol/key-health.ts';
import type { Arguments } from '../arguments.ts';
import type { CliContext } from '../command.ts';
import { vaultOf } from '../connect.ts';

/** Stores one more key of a provider that is set up: the vault uses it when those before it are refused or pay no more. */
export async function storeExtraKey(context: CliContext, args: Arguments): Promise<void> {
  const id = args.text('name') ?? args.text('provider');
  const number = args.number('key-number', 2) ?? 2;
  if (id === undefined || !args.has('api-key-stdin') || context.stdin.isTTY)
    throw new HoldfastError('bad-request', '--key-number needs a provider and its key on stdin', {
      remedy: 'holdfast setup --non-interactive --provider openai --key-number 2 --api-key-stdin < key-file',
    });
  if (!Number.isInteger(number) || number > MOST_KEYS)
    throw new HoldfastError('bad-request', `--key-number is "${number}"`, { remedy: `Give 2 to ${MOST_KEYS}.` });
  const vault = vaultOf(context.home);
  if (!(await vault.status()).providers.some((known) => known.id === id))
    throw new HoldfastError('model.unknown-provider', `The provider ${id} is not set up.`, {
      remedy: `Set it up first: holdfast setup --provider ${id}`,
    });
  await vault.putSecret(`provider.${id}.${number}`, context.stdin);
  context.print(`${context.paint.green('✓')} key ${number} of ${id} is stored in the vault`);
}
