import { HoldfastError } from '../../protocol/error.ts';
import { MOST_KEYS } from '../../protocol/key-health.ts';
import type { Provider } from '../model/providers.ts';
import type { Secrets } from '../store/secrets.ts';
import type { KeyRef } from './key-health.ts';

/** The keys of a provider, in the order of their numbers: `provider.<id>`, `provider.<id>.2` … `.9`. */
export function keysOf(provider: Provider, secrets: Pick<Secrets, 'has'>): readonly KeyRef[] {
  const names = [provider.secretName];
  for (let number = 2; number <= MOST_KEYS; number += 1) names.push(`${provider.secretName}.${number}`);
  return names.filter((name) => secrets.has(name)).map((key) => ({ provider: provider.id, key }));
}

/** Throws when the provider needs a key and has none. */
export function requireKeys(provider: Provider, keys: readonly KeyRef[]): void {
  if (keys.length > 0 || !provider.needsKey) return;
  throw new HoldfastError('vault.secret-missing', `The vault has no API key for ${provider.title} (${provider.id}).`, {
    remedy: `Enter it with \`holdfast setup --provider ${provider.id}\`.`,
  });
}
