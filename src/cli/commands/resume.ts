import { FrozenView } from '../../protocol/api.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { CliContext, Command } from '../command.ts';
import { credentialsOf, totpOf } from '../connect.ts';
import { askCode, confirmAtTerminal } from '../people/ask.ts';
import { askHost } from '../typed-request.ts';

export const resume: Command = {
  summary: 'End a freeze. Needs the code of your second factor; without one, a person at this terminal.',
  usage: '[--agent ID] [--code 123456]',
  flags: [
    { name: 'agent', value: 'ID', help: 'only the freeze of this agent (default: the one of everything)' },
    { name: 'code', value: 'CODE', help: 'code of the second factor, instead of asking for it' },
  ],
  words: [0, 0],
  notes: 'Runs go on from their journal. A call that was cut has an unknown outcome unless it may be repeated.',
  run: async (context, args) => {
    const scope = args.text('agent') ?? '*';
    const frozen = await credentialsOf(context.home).frozen();
    if (frozen.some((one) => one.agent === scope)) await endInVault(context, scope, args.text('code'));
    const left = await askHost(context.home, FrozenView.array(), {
      method: 'POST',
      path: '/api/freeze/resume',
      body: { scope },
    }).catch((error: unknown) => hostIsAway(error));
    context.print(scope === '*' ? 'Not frozen any more.' : `${scope} is not frozen any more.`);
    for (const one of left ?? [])
      context.warn(`still frozen: ${one.scope === '*' ? 'everything' : one.scope} (${one.reason})`);
    if (left === undefined) context.warn('The host does not answer; it goes on by itself once it does.');
    return 0;
  },
};

async function endInVault(context: CliContext, scope: string, code: string | undefined): Promise<void> {
  const totp = totpOf(context.home);
  if (await totp.isSet()) return await totp.resume(scope, await askCode(context, code));
  await confirmAtTerminal(context, scope === '*' ? 'Everything will go on' : `${scope} will go on`, 'resume');
  await credentialsOf(context.home).unfreeze(scope);
}

function hostIsAway(error: unknown): undefined {
  const failure = HoldfastError.from(error);
  if (failure.code !== 'host.unreachable') throw failure;
  return undefined;
}
