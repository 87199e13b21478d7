import type { Price, ProviderSetting } from '../../protocol/vault-api.ts';
import type { PriceData, PricedModel } from './price-data.ts';
import type { MeteredUsage } from './usage.ts';

/**
 * Money is counted in whole nano-dollars (USD 1e-9), rounded up, so that sums are exact: a price of X USD per million
 * tokens is 1000 X nano-dollars a token.
 */
export type NanoUsd = number;

export interface ModelTerms {
  /** `undefined`: an endpoint on this machine, free because nobody priced it. */
  readonly price: TieredPrice | undefined;
  readonly contextWindow: number | undefined;
  readonly maxOutput: number | undefined;
}

type TieredPrice = Pick<PricedModel, 'input' | 'output' | 'cacheRead' | 'cacheWrite' | 'tiers'>;

/** Of Bedrock's inference profiles; those with a price of their own are found first. */
const REGION_PREFIX = /^(?:us|us-gov|eu|apac|jp|au|ca|global)\./;
const DATE_SUFFIX = /-(?:\d{4}-\d{2}-\d{2}|\d{8})$/;
/** Output tokens reserved when neither the request nor the data says how many there may be. */
const UNKNOWN_MAX_OUTPUT = 32_768;
/** Input tokens reserved when the request refers to text the vault does not see and the window is not known. */
const UNKNOWN_WINDOW = 200_000;
/** No tokenizer in use yields more than one token per two bytes on real text; short bodies get the template's overhead. */
const BYTES_PER_TOKEN = 2;
const TEMPLATE_TOKENS = 64;
/** An hour's cache entry costs twice the input price (Anthropic); the data holds the five-minute price. */
const LONG_CACHE_FACTOR = 2;

/** `undefined` when the model has no price and its endpoint is not on this machine. */
export function termsOf(setting: ProviderSetting, model: string, data: PriceData): ModelTerms | undefined {
  const vendored = setting.pricesAs === undefined ? undefined : findVendored(data, setting.pricesAs, model);
  const own = pick<Price>(setting.prices, model);
  if (!own && !vendored && !isLoopback(setting.baseUrl)) return undefined;
  return {
    price: own ?? vendored,
    contextWindow: pick(setting.contextWindows, model) ?? vendored?.contextWindow,
    maxOutput: vendored?.maxOutput,
  };
}

/** What a call may cost and how many tokens it may use at most. */
export function worstCase(
  terms: ModelTerms,
  request: { bodyBytes: number; hiddenInput: boolean; output: number | undefined; choices: number },
): { nano: NanoUsd; tokens: number } {
  const window = terms.contextWindow;
  const seen = Math.ceil(request.bodyBytes / BYTES_PER_TOKEN) + TEMPLATE_TOKENS;
  const input = request.hiddenInput ? (window ?? Math.max(seen, UNKNOWN_WINDOW)) : Math.min(seen, window ?? seen);
  const output = (request.output ?? terms.maxOutput ?? UNKNOWN_MAX_OUTPUT) * request.choices;
  const tokens = input + output;
  if (!terms.price) return { nano: 0, tokens };
  const price = tierFor(terms.price, input);
  const dearestInput = Math.max(price.input, price.cacheWrite ?? 0, price.cacheRead ?? 0);
  return { nano: nano(input * dearestInput + output * price.output), tokens };
}

export function costOf(terms: ModelTerms, usage: MeteredUsage): NanoUsd {
  if (!terms.price) return 0;
  const price = tierFor(terms.price, usage.inputTokens);
  const { cachedInputTokens: read = 0, cacheWriteTokens: write = 0, longCacheWriteTokens: long = 0 } = usage;
  const fresh = usage.inputTokens - read - write;
  return nano(
    fresh * price.input +
      read * (price.cacheRead ?? price.input) +
      (write - long) * (price.cacheWrite ?? price.input) +
      long * Math.max(price.input * LONG_CACHE_FACTOR, price.cacheWrite ?? 0) +
      usage.outputTokens * price.output,
  );
}

/** The dearer of several terms in every part: for a request that lets the provider choose among models. */
export function dearest(all: readonly ModelTerms[]): ModelTerms | undefined {
  const [first, ...rest] = all;
  return rest.reduce<ModelTerms | undefined>((a, b) => (a ? dearer(a, b) : b), first);
}

function dearer(a: ModelTerms, b: ModelTerms): ModelTerms {
  if (!a.price || !b.price) return a.price ? a : b;
  const input = Math.max(a.price.input, b.price.input);
  return {
    price: {
      input,
      output: Math.max(a.price.output, b.price.output),
      cacheRead: Math.max(a.price.cacheRead ?? a.price.input, b.price.cacheRead ?? b.price.input),
      cacheWrite: Math.max(a.price.cacheWrite ?? a.price.input, b.price.cacheWrite ?? b.price.input),
    },
    contextWindow: maximum(a.contextWindow, b.contextWindow),
    maxOutput: maximum(a.maxOutput, b.maxOutput),
  };
}

export function isLoopback(baseUrl: string): boolean {
  const host = new URL(baseUrl).hostname;
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

export function toUsd(amount: NanoUsd): number {
  return amount / 1e9;
}

export function fromUsd(usd: number): NanoUsd {
  return Math.round(usd * 1e9);
}

function findVendored(data: PriceData, provider: string, model: string): PricedModel | undefined {
  const names = [model, model.replace(DATE_SUFFIX, ''), model.replace(REGION_PREFIX, '')];
  return names.map((name) => data.find(provider, name)).find((found) => found !== undefined);
}

function pick<T>(values: Readonly<Record<string, T>>, model: string): T | undefined {
  return Object.hasOwn(values, model) ? values[model] : values['*'];
}

function tierFor(price: TieredPrice, input: number): TieredPrice {
  const reached = (price.tiers ?? []).filter((tier) => input > tier.above);
  return reached.reduce<TieredPrice>((best, tier) => (tier.output >= best.output ? tier : best), price);
}

function maximum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
}

/** USD per million tokens times tokens is micro-dollars. */
function nano(microUsd: number): NanoUsd {
  return Math.ceil(microUsd * 1000 - 1e-6);
}
