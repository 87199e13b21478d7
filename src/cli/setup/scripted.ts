import { HoldfastError } from '../../protocol/error.ts';
import type { Price } from '../../protocol/vault-api.ts';
import type { Arguments } from '../arguments.ts';
import type { ProviderAnswers } from './provider-plan.ts';

/** The answers that stand on the command line; the key never does. */
export function answersOf(args: Arguments): ProviderAnswers {
  const provider = args.text('provider');
  if (provider === undefined)
    throw new HoldfastError('bad-request', '--non-interactive needs --provider', {
      remedy: 'e.g. holdfast setup --non-interactive --provider openai --api-key-stdin < key-file',
    });
  return { provider, ...optionalAnswers(args) };
}

export function optionalAnswers(args: Arguments): Omit<ProviderAnswers, 'provider'> {
  const daily = args.number('daily-usd', 0);
  const monthly = args.number('monthly-usd', 0);
  return {
    name: args.text('name'),
    baseUrl: args.text('base-url'),
    model: args.text('model'),
    price: priceOf(args),
    contextWindow: wholeNumber(args, 'context-window'),
    budget: {
      ...(daily === undefined ? {} : { dailyUsd: daily }),
      ...(monthly === undefined ? {} : { monthlyUsd: monthly }),
    },
  };
}

/** Anything on a command line can be read by every program of this machine, and stays in the shell's history. */
export function refuseKeyArgument(args: Arguments): void {
  if (!args.has('api-key')) return;
  throw new HoldfastError('bad-request', 'a key must not stand on the command line: every program here could read it', {
    remedy:
      'Pipe it in: holdfast setup … --api-key-stdin < key-file. Count the one you just typed as known; replace it.',
  });
}

function priceOf(args: Arguments): Price | undefined {
  const input = args.number('input-price', 0);
  const output = args.number('output-price', 0);
  if (input === undefined && output === undefined) return undefined;
  if (input === undefined || output === undefined)
    throw new HoldfastError('bad-request', 'a price needs both halves', {
      remedy: 'Give --input-price and --output-price, in USD per million tokens.',
    });
  return { input, output };
}

function wholeNumber(args: Arguments, flag: string): number | undefined {
  const value = args.number(flag, 1);
  if (value === undefined || Number.isInteger(value)) return value;
  throw new HoldfastError('bad-request', `--${flag} is "${value}"`, { remedy: 'Give a whole number of tokens.' });
}
