import { HoldfastError } from '../protocol/error.ts';

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90m`, `12h`, `7d` in milliseconds. */
export function readDuration(text: string): number {
  const match = /^(\d{1,6})([mhd])$/.exec(text);
  const unit = UNITS[match?.[2] ?? ''];
  if (match === null || unit === undefined) {
    throw new HoldfastError('bad-request', `"${text}" is no duration`, { remedy: 'Give it as 90m, 12h or 7d.' });
  }
  return Number(match[1]) * unit;
}
