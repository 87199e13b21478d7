import type { BudgetDimension } from '../../protocol/budget.ts';
import { HoldfastError } from '../../protocol/error.ts';

const SUFFIXES: Readonly<Record<BudgetDimension, Readonly<Record<string, number>>>> = {
  usd: {},
  tokens: { k: 1e3, m: 1e6 },
  calls: { k: 1e3, m: 1e6 },
  egressBytes: { b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 },
  wallMs: { s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 },
};
const EXAMPLES: Readonly<Record<BudgetDimension, string>> = {
  usd: '12.50',
  tokens: '500k',
  calls: '200',
  egressBytes: '500MB',
  wallMs: '90s or 2h',
};

/** `12.5`, `500k`, `500MB`, `2h`. A time without a unit is refused: seconds and milliseconds are too easily confused. */
export function readAmount(dimension: BudgetDimension, text: string, flag: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  const unit = match?.[2]?.toLowerCase() ?? '';
  const factor = unit === '' && dimension !== 'wallMs' ? 1 : SUFFIXES[dimension][unit];
  const amount = Number(match?.[1]) * (factor ?? Number.NaN);
  if (Number.isFinite(amount)) return dimension === 'usd' ? amount : Math.round(amount);
  throw new HoldfastError('bad-request', `--${flag} is "${text}"`, {
    remedy: `Give an amount such as ${EXAMPLES[dimension]}, none (expressly no cap) or default.`,
  });
}
