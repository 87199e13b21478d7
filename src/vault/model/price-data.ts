import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { HoldfastError } from '../../protocol/error.ts';
import { Price } from '../../protocol/vault-api.ts';

/** The vendored price data, `data/models.json`; made by `scripts/update-prices.ts`, never fetched at run time. */
const PriceTier = Price.extend({ above: z.number() });
const PricedModel = Price.extend({
  contextWindow: z.number(),
  maxOutput: z.number(),
  tiers: z.array(PriceTier).optional(),
});
const PriceFile = z.object({
  date: z.string(),
  source: z.string(),
  licence: z.string(),
  providers: z.record(z.string(), z.record(z.string(), PricedModel)),
});
export type PricedModel = z.infer<typeof PricedModel>;

export interface PriceData {
  readonly date: string;
  readonly source: string;
  readonly models: number;
  find(provider: string, model: string): PricedModel | undefined;
}

export function loadPriceData(path: string | URL): PriceData {
  const parsed = PriceFile.safeParse(JSON.parse(readFileSync(path, 'utf8')));
  if (!parsed.success) {
    throw new HoldfastError(
      'config.unreadable',
      `The price data ${path} is not in its format: ${parsed.error.message}`,
      {
        remedy: 'Reinstall Holdfast, or run `node scripts/update-prices.ts`.',
      },
    );
  }
  const { date, source, providers } = parsed.data;
  return {
    date,
    source,
    models: Object.values(providers).reduce((sum, models) => sum + Object.keys(models).length, 0),
    find: (provider, model) => {
      const models = providers[provider];
      return models && Object.hasOwn(models, model) ? models[model] : undefined;
    },
  };
}
