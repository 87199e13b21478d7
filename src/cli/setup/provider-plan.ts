import { HoldfastError } from '../../protocol/error.ts';
import { PROVIDER_PRESETS, ProviderId, type ProviderPreset } from '../../protocol/provider.ts';
import type { BudgetCaps, Price } from '../../protocol/vault-api.ts';
import { closest } from '../closest.ts';
import type { ProviderSettingInput } from '../vault-owner.ts';

/** What setup is going to do: everything but the key, which never stands in a value of ours for longer than it must. */
export interface ProviderPlan {
  /** Under which the vault knows the provider; the key is the secret `provider.<id>`. */
  readonly id: string;
  readonly title: string;
  readonly model: string;
  readonly needsKey: boolean;
  readonly setting: ProviderSettingInput;
  readonly budget: Partial<BudgetCaps>;
}

export interface ProviderAnswers {
  readonly provider: string;
  readonly name?: string | undefined;
  readonly baseUrl?: string | undefined;
  readonly model?: string | undefined;
  readonly price?: Price | undefined;
  readonly contextWindow?: number | undefined;
  readonly budget: Partial<BudgetCaps>;
}

export function presetOf(id: string): ProviderPreset {
  const found = PROVIDER_PRESETS.find((one) => one.id === id);
  if (found !== undefined) return found;
  const ids = PROVIDER_PRESETS.map((one) => one.id);
  const near = closest(id, ids);
  throw bad(`unknown provider "${id}"`, near ? `Did you mean --provider ${near}?` : `Known are: ${ids.join(', ')}`);
}

/** Checks the answers together and turns them into what the vault and the config are told. */
export function planProvider(answers: ProviderAnswers): ProviderPlan {
  const preset = presetOf(answers.provider);
  const id = answers.name ?? preset.id;
  if (!ProviderId.safeParse(id).success)
    throw bad(`"${id}" is no name for a provider`, 'Use a-z 0-9 - and start with a letter.');
  const model = answers.model ?? preset.defaultModel;
  if (model === '' || /\s/.test(model)) throw bad(`no model is named for ${preset.title}`, 'Add --model NAME.');
  return {
    id,
    title: preset.title,
    model,
    needsKey: preset.needsKey,
    budget: answers.budget,
    setting: {
      wire: preset.wire,
      baseUrl: checkedUrl(answers.baseUrl ?? preset.baseUrl, preset),
      defaultModel: model,
      prices: answers.price ? { [model]: answers.price } : {},
      contextWindows: answers.contextWindow ? { [model]: answers.contextWindow } : {},
      ...(preset.pricesAs === undefined ? {} : { pricesAs: preset.pricesAs }),
      ...(preset.auth === undefined ? {} : { auth: preset.auth }),
    },
  };
}

function checkedUrl(text: string, preset: ProviderPreset): string {
  if (text === '')
    throw bad(
      `${preset.title} needs its address`,
      `Add --base-url URL, e.g. ${preset.baseUrlExample ?? 'http://127.0.0.1:8000/v1'}.`,
    );
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw bad(`"${text}" is no http or https address`, 'Write it like https://llm.example.com/v1.');
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw bad(
      'the address holds a user name, password or query',
      'A key goes in with --api-key-stdin, not in the address.',
    );
  return text.replace(/\/+$/, '');
}

/** True for an address on this machine, where calls are free unless they are priced. */
export function isLoopback(baseUrl: string): boolean {
  const { hostname } = new URL(baseUrl);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d+){3}$/.test(hostname);
}

function bad(message: string, remedy: string): HoldfastError {
  return new HoldfastError('bad-request', message, { remedy });
}
