import { handleOf } from '../../protocol/credential.ts';
import type { Arguments } from '../arguments.ts';
import type { CliContext } from '../command.ts';
import type { VaultCredentials } from './vault-credentials.ts';

/** What every action of `holdfast credentials` is handed. */
export interface CredentialsCall {
  readonly vault: VaultCredentials;
  readonly context: CliContext;
  readonly args: Arguments;
  readonly words: readonly string[];
}

export async function grantAll(vault: VaultCredentials, name: string, args: Arguments): Promise<string> {
  const agents = listOf(args, 'agents');
  for (const agent of agents) await vault.grant(agent, name);
  if (agents.length > 0) return `${agents.join(', ')} may use it as ${handleOf(name.toLowerCase())}.`;
  return `Let an agent use it: holdfast credentials grant <agent> ${name}`;
}

/** A flag that takes several values with commas between them. */
export function listOf(args: Arguments, flag: string): string[] {
  return (args.text(flag) ?? '').split(',').filter((one) => one !== '');
}
