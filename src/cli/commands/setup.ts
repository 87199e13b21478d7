import { HoldfastError } from '../../protocol/error.ts';
import type { Arguments } from '../arguments.ts';
import type { CliContext, Command } from '../command.ts';
import { applyPlan, refreshHost } from '../setup/apply-plan.ts';
import { storeExtraKey } from '../setup/extra-key.ts';
import { planProvider } from '../setup/provider-plan.ts';
import { answersOf, refuseKeyArgument } from '../setup/scripted.ts';
import { withVault } from '../setup/with-vault.ts';
import { checkConfigWritable } from '../setup/write-config.ts';

export const setup: Command = {
  summary: 'Choose a provider, its key, a model and a budget, and prove them with a call.',
  usage: '[--non-interactive --provider ID [--base-url URL] [--model NAME] [--api-key-stdin] …]',
  flags: [
    { name: 'non-interactive', help: 'ask nothing; everything comes from these flags and stdin' },
    { name: 'provider', value: 'ID', help: 'openai, anthropic, google, openrouter, …, openai-compatible' },
    { name: 'name', value: 'ID', help: 'name it differently, to have two of one kind' },
    { name: 'base-url', value: 'URL', help: 'address of the API (openai-compatible needs it)' },
    { name: 'model', value: 'NAME', help: 'model that agents use' },
    { name: 'api-key-stdin', help: 'read the key from stdin and hand it to the vault' },
    { name: 'api-key', value: 'KEY', help: 'refused: a key on a command line is not secret' },
    {
      name: 'key-number',
      value: 'N',
      help: 'store one more key, 2 to 9, used when those before it are refused or empty',
    },
    { name: 'input-price', value: 'USD', help: 'per million tokens, for a model whose price is not known' },
    { name: 'output-price', value: 'USD', help: 'likewise' },
    { name: 'context-window', value: 'TOKENS', help: 'for a model whose window is not known' },
    { name: 'daily-usd', value: 'USD', help: 'what one agent may spend a day' },
    { name: 'monthly-usd', value: 'USD', help: 'what one agent may spend a month' },
    { name: 'no-test', help: 'do not make the test call' },
  ],
  words: [0, 0],
  notes: 'The key goes to the vault and is stored encrypted. It is never written to config.json.',
  run: runSetup,
};

async function runSetup(context: CliContext, args: Arguments): Promise<number> {
  refuseKeyArgument(args);
  await checkConfigWritable(context.home);
  if (args.has('key-number')) {
    await withVault(context, () => storeExtraKey(context, args));
    return 0;
  }
  if (args.has('non-interactive')) return scripted(context, args);
  if (!context.interactive)
    throw new HoldfastError('bad-request', 'there is no terminal to ask in', {
      remedy: 'holdfast setup --non-interactive --provider ID --api-key-stdin < key-file',
    });
  const { runWizard } = await import('../setup/wizard.ts');
  return runWizard(context, args);
}

async function scripted(context: CliContext, args: Arguments): Promise<number> {
  const plan = planProvider(answersOf(args));
  const key = args.has('api-key-stdin') ? context.stdin : undefined;
  if (key?.isTTY)
    throw new HoldfastError('bad-request', '--api-key-stdin reads a pipe, and this is a terminal', {
      remedy: 'Pipe the key in, or leave out --non-interactive to be asked for it.',
    });
  await withVault(context, () => applyPlan(context, { plan, key, test: !args.has('no-test') }));
  if (!(await refreshHost(context))) context.print('Start it with: holdfast start');
  return 0;
}
