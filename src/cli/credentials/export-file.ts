import { open } from 'node:fs/promises';
import { HoldfastError } from '../../protocol/error.ts';
import type { CredentialsCall } from './call.ts';
import { readPassphrase } from './read-value.ts';

/** Writes a new file of mode 0600; what is in it was sealed inside the vault. */
export async function exportCredentials({ vault, context, args, words }: CredentialsCall): Promise<string[]> {
  const [path = ''] = words;
  const archive = await vault.export(await readPassphrase(context, true), args.has('system'));
  const file = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw new HoldfastError('conflict', `${path} cannot be made: ${error.message}`, {
      remedy: 'Name a file that does not exist yet.',
      cause: error,
    });
  });
  await using _close = file;
  await file.writeFile(`${JSON.stringify(archive)}\n`);
  await file.sync();
  const what = args.has('system') ? 'credentials, grants and the keys of model providers' : 'credentials and grants';
  return [`${path} has all ${what}. Without the passphrase nothing in it can be read.`];
}
