import type { CliContext } from '../command.ts';
import { credentialsOf } from '../connect.ts';

/** The kill switch of the vault, from the owner's terminal: it works while the host is down. */
export async function freezeVault(context: CliContext, [agent = '*', ...why]: readonly string[]): Promise<string[]> {
  await credentialsOf(context.home).freeze(agent, why.join(' ') || 'the owner wanted it so');
  return [
    `${who(agent)} frozen: no model call, no way out, no credential. End it: holdfast vault unfreeze${of(agent)}`,
  ];
}

export async function unfreezeVault(context: CliContext, [agent = '*']: readonly string[]): Promise<string[]> {
  await credentialsOf(context.home).unfreeze(agent);
  return [`${who(agent)} not frozen any more.`];
}

export async function listFrozen(context: CliContext): Promise<string[]> {
  const frozen = await credentialsOf(context.home).frozen();
  if (frozen.length === 0) return ['Nothing is frozen.'];
  return frozen.map(
    ({ agent, reason, source, at }) => `${agent}  by ${source} at ${new Date(at).toISOString()}: ${reason}`,
  );
}

const who = (agent: string): string => (agent === '*' ? 'Everything is' : `${agent} is`);
const of = (agent: string): string => (agent === '*' ? '' : ` ${agent}`);
