import { spawn } from 'node:child_process';
import { cancel, confirm, intro, isCancel, log, note, outro, password, select, text } from '@clack/prompts';
import { HoldfastError } from '../../protocol/error.ts';
import { PROVIDER_PRESETS, type ProviderPreset } from '../../protocol/provider.ts';
import { DEFAULT_BUDGET, type Price } from '../../protocol/vault-api.ts';
import type { Arguments } from '../arguments.ts';
import type { CliContext } from '../command.ts';
import { errorLines } from '../render/error.ts';
import { applyPlan, refreshHost } from './apply-plan.ts';
import { type ProviderAnswers, planProvider, presetOf } from './provider-plan.ts';
import { optionalAnswers } from './scripted.ts';
import { withVault } from './with-vault.ts';

/** Asks for what the command line left open. Leaving at any question changes nothing. */
export async function runWizard(context: CliContext, args: Arguments): Promise<number> {
  intro('Holdfast setup');
  try {
    const answers = await ask(args);
    const key = await askKey(presetOf(answers.provider));
    await withVault(context, () => applyAndRetry(context, answers, { key, test: !args.has('no-test') }));
    const running = await refreshHost(context);
    log.info(await sandboxResult());
    outro(
      running
        ? 'Done. Talk to your operator: holdfast chat'
        : 'Done. Start it and talk to your operator: holdfast start',
    );
    return 0;
  } catch (error) {
    if (HoldfastError.from(error).code !== 'cancelled') throw error;
    cancel('Nothing was changed.');
    return 1;
  }
}

/** An unknown price is asked for, and then it goes on; everything else is an error to mend first. */
async function applyAndRetry(
  context: CliContext,
  answers: ProviderAnswers,
  options: { key: Uint8Array | undefined; test: boolean },
): Promise<void> {
  try {
    await applyPlan(context, { plan: planProvider(answers), ...options });
  } catch (error) {
    const failure = HoldfastError.from(error);
    if (failure.code !== 'model.unpriced') throw error;
    log.warn(errorLines({ code: failure.code, message: failure.message }, context.paint).join('\n'));
    await applyPlan(context, { plan: planProvider({ ...answers, price: await askPrice() }), ...options });
  }
}

async function ask(args: Arguments): Promise<ProviderAnswers> {
  const given = optionalAnswers(args);
  const provider = args.text('provider') ?? answer(await select({ message: 'Provider', options: providerOptions() }));
  const preset = presetOf(provider);
  const baseUrl = given.baseUrl ?? (preset.baseUrl === '' ? await askUrl(preset.baseUrlExample) : undefined);
  const model = given.model ?? (await askModel(preset));
  const budget = { ...given.budget };
  budget.dailyUsd ??= await askAmount('Most that one agent may spend a day, in USD', DEFAULT_BUDGET.dailyUsd ?? 0);
  budget.monthlyUsd ??= await askAmount('… and a month', DEFAULT_BUDGET.monthlyUsd ?? 0);
  return { ...given, provider, baseUrl, model, budget };
}

function providerOptions(): { value: string; label: string; hint?: string }[] {
  return PROVIDER_PRESETS.map(({ id, title, keyHelp, needsKey }) => ({
    value: id,
    label: title,
    ...(keyHelp ? { hint: keyHelp } : needsKey ? {} : { hint: 'no key needed' }),
  }));
}

async function askUrl(placeholder = 'http://127.0.0.1:8000/v1'): Promise<string> {
  const validate = (value: string | undefined): string | undefined =>
    URL.canParse(value ?? '') ? undefined : `An address like ${placeholder}`;
  return answer(await text({ message: 'Address of its API', placeholder, validate }));
}

async function askModel(preset: ProviderPreset): Promise<string> {
  const validate = (value: string | undefined): string | undefined =>
    value || preset.defaultModel ? undefined : 'The name of a model that it serves';
  return answer(
    await text({ message: 'Model', placeholder: preset.defaultModel, defaultValue: preset.defaultModel, validate }),
  );
}

async function askKey(preset: ProviderPreset): Promise<Uint8Array | undefined> {
  if (!preset.needsKey && !answer(await confirm({ message: 'Does it need an API key?', initialValue: false })))
    return undefined;
  const where = preset.keyHelp ? ` (${preset.keyHelp})` : '';
  const validate = (value: string | undefined): string | undefined => (value?.trim() ? undefined : 'Paste the key');
  const typed = answer(await password({ message: `API key${where}; it goes to the vault only`, validate }));
  return Buffer.from(typed.trim(), 'utf8');
}

async function askPrice(): Promise<Price> {
  note('Look it up on the page of the provider; budgets hold only as well as this number.', 'Price');
  return {
    input: await askAmount('USD per million input tokens', undefined),
    output: await askAmount('USD per million output tokens', undefined),
  };
}

async function askAmount(message: string, preset: number | undefined): Promise<number> {
  const shown = preset === undefined ? {} : { placeholder: String(preset), defaultValue: String(preset) };
  const validate = (value: string | undefined): string | undefined =>
    (!value && preset !== undefined) || (value && Number(value) >= 0) ? undefined : 'A number, e.g. 2.5';
  return Number(answer(await text({ message, ...shown, validate })));
}

function answer<T>(given: T): Exclude<T, symbol> {
  if (isCancel(given)) throw new HoldfastError('cancelled', 'Cancelled.');
  return given as Exclude<T, symbol>;
}

/** Whether this system lets an ordinary user make a sandbox, tried for real. */
function sandboxResult(): Promise<string> {
  const probe = ['--unshare-all', '--die-with-parent', '--ro-bind', '/', '/', 'true'];
  return new Promise((resolve) => {
    const child = spawn('bwrap', probe, { stdio: 'ignore' });
    const broken = 'Sandbox: not available, tools that need one are refused. Ask why: holdfast doctor';
    child.once('error', () => resolve(broken));
    child.once('exit', (code) => resolve(code === 0 ? 'Sandbox: bubblewrap works here' : broken));
  });
}
