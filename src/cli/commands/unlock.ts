import { platform } from 'node:os';
import { HoldfastError } from '../../protocol/error.ts';
import type { Command } from '../command.ts';
import { vaultOf } from '../connect.ts';
import { createKeychain, unlockFromKeychain } from '../keychain.ts';

export const unlock: Command = {
  summary: 'Open a vault whose master key comes from a passphrase.',
  usage: '[--passphrase-stdin]',
  flags: [{ name: 'passphrase-stdin', help: 'read the passphrase from stdin instead of asking for it' }],
  words: [0, 0],
  run: async (context, args) => {
    const vault = vaultOf(context.home);
    const { locked, keySource } = await vault.status();
    if (!locked) {
      context.print('The vault is open.');
      return 0;
    }
    if (keySource === 'keychain')
      await unlockFromKeychain(vault, createKeychain(platform(), { ...context.env }), context.home.root);
    else if (args.has('passphrase-stdin')) await vault.unlock(context.stdin);
    else if (context.interactive) await vault.unlock(await ask());
    else
      throw new HoldfastError('bad-request', 'there is no terminal to ask for the passphrase', {
        remedy: 'Pipe it in: holdfast unlock --passphrase-stdin < file',
      });
    context.print('The vault is open.');
    return 0;
  },
};

async function ask(): Promise<Uint8Array> {
  const { isCancel, password } = await import('@clack/prompts');
  const typed = await password({ message: 'Passphrase of the vault' });
  if (isCancel(typed)) throw new HoldfastError('cancelled', 'Cancelled; the vault is still locked.');
  return Buffer.from(typed, 'utf8');
}
