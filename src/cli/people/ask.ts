import { HoldfastError } from '../../protocol/error.ts';
import type { CliContext } from '../command.ts';

/** A code of the second factor: from the flag, or typed. */
export async function askCode(context: CliContext, given: string | undefined): Promise<string> {
  if (given !== undefined) return given;
  if (!context.interactive)
    throw new HoldfastError('bad-request', 'there is no terminal to ask for the code', {
      remedy: 'Give it as --code 123456.',
    });
  return await typed('Code of your second factor');
}

/** That a person is at this terminal, now: the word has to be typed, so no pipe and no stray key says yes. */
export async function confirmAtTerminal(context: CliContext, what: string, word: string): Promise<void> {
  if (!context.interactive)
    throw new HoldfastError('forbidden', `${what} needs a person at a terminal, or a second factor`, {
      remedy: 'Type the command in a terminal of this machine, or set a second factor up: holdfast totp setup',
    });
  const said = await typed(`${what}. Type ${word} to go on`);
  if (said.trim() !== word) throw new HoldfastError('cancelled', 'Cancelled: nothing was changed.');
}

async function typed(message: string): Promise<string> {
  const { isCancel, text } = await import('@clack/prompts');
  const answer = await text({ message });
  if (isCancel(answer)) throw new HoldfastError('cancelled', 'Cancelled: nothing was changed.');
  return answer;
}
