import { describe, expect, it } from 'vitest';
import { PROVIDER_PRESETS } from '../../protocol/provider.ts';
import { ProviderSetting } from '../../protocol/vault-api.ts';
import { loadPriceData } from './price-data.ts';
import { costOf, dearest, type ModelTerms, termsOf, worstCase } from './pricing.ts';

const data = loadPriceData(new URL('../../../data/models.json', import.meta.url));
const terms = (price: ModelTerms['price'], contextWindow?: number, maxOutput?: number): ModelTerms => ({
  price,
  contextWindow,
  maxOutput,
});
const request = { bodyBytes: 1_000, hiddenInput: false, output: 100, choices: 1 };

describe('prices', () => {
  it.each(PROVIDER_PRESETS.filter((preset) => preset.pricesAs))('know the default model of $id', (preset) => {
    const known = data.find(preset.pricesAs ?? '', preset.defaultModel);
    expect(known?.output).toBeGreaterThan(0);
    expect(known?.contextWindow).toBeGreaterThan(10_000);
  });

  it('come from the owner before the data, and are unknown elsewhere', () => {
    const setting = ProviderSetting.parse({
      wire: 'openai-chat',
      baseUrl: 'https://x.example',
      pricesAs: 'openai',
      prices: { 'gpt-5.2': { input: 9, output: 9 } },
    });
    expect(termsOf(setting, 'gpt-5.2', data)?.price?.input).toBe(9);
    expect(termsOf(setting, 'gpt-5', data)?.price?.input).toBe(1.25);
    expect(termsOf(setting, '__proto__', data)).toBeUndefined();
    expect(termsOf(setting, 'constructor', data)).toBeUndefined();
  });

  it('are counted exactly, part by part', () => {
    const price = { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75 };
    const usage = {
      inputTokens: 1_000,
      outputTokens: 10,
      cachedInputTokens: 600,
      cacheWriteTokens: 300,
      longCacheWriteTokens: 100,
    };
    expect(costOf(terms(price), usage)).toBe((100 * 3 + 600 * 0.3 + 200 * 3.75 + 100 * 6 + 10 * 15) * 1_000);
    expect(costOf(terms({ input: 3, output: 15 }), { inputTokens: 10, outputTokens: 0, cachedInputTokens: 10 })).toBe(
      30_000,
    );
    expect(costOf(terms({ input: 0.05, output: 0.08 }), { inputTokens: 1, outputTokens: 0 })).toBe(50);
  });

  it('follow the tier that the input reaches', () => {
    const price = { input: 1, output: 2, tiers: [{ above: 1_000, input: 2, output: 4 }] };
    expect(costOf(terms(price), { inputTokens: 1_000, outputTokens: 1 })).toBe(1_002_000);
    expect(costOf(terms(price), { inputTokens: 1_001, outputTokens: 1 })).toBe(2_006_000);
  });
});

describe('the worst case', () => {
  const price = { input: 1, output: 10 };

  it('counts the body high and the output in full, for every choice', () => {
    expect(worstCase(terms(price), request).nano).toBe((564 + 1_000) * 1_000);
    expect(worstCase(terms(price), { ...request, choices: 3 }).nano).toBe((564 + 3_000) * 1_000);
  });

  it('never counts more input than the window, and all of it for input out of sight', () => {
    expect(worstCase(terms(price, 200), request).nano).toBe((200 + 1_000) * 1_000);
    expect(worstCase(terms(price, 5_000), { ...request, hiddenInput: true }).nano).toBe((5_000 + 1_000) * 1_000);
  });

  it('takes the most the model can say when the request sets no limit', () => {
    expect(worstCase(terms(price, undefined, 7), { ...request, output: undefined }).nano).toBe((564 + 70) * 1_000);
    expect(worstCase(terms(price), { ...request, output: undefined }).nano).toBe((564 + 327_680) * 1_000);
  });

  it('takes the dearest of several models', () => {
    const both = dearest([terms({ input: 1, output: 50 }), terms({ input: 9, output: 2 }, 500)]);
    expect(both?.price).toMatchObject({ input: 9, output: 50 });
  });
});
