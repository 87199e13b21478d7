import type { HoldfastConfig } from './config.ts';
import { CHAIN_PREFIX } from './provider.ts';

/** The chain that a list in `model` stands for. */
const OF_MODEL = 'default';

type Chains = Readonly<Record<string, readonly string[]>>;
type ModelSettings = Pick<HoldfastConfig, 'model' | 'models'>;

/** All chains of a configuration, by name. */
export function chainsOf({ model, models }: ModelSettings): Chains {
  return Array.isArray(model) ? { ...models.chains, [OF_MODEL]: model } : models.chains;
}

/** The model that agents use, as one reference: `provider/model` or `chain/<name>`; `undefined`: none is set. */
export function modelRefOf({ model }: Pick<HoldfastConfig, 'model'>): string | undefined {
  return Array.isArray(model) ? `${CHAIN_PREFIX}${OF_MODEL}` : model;
}

export function isChain(model: string): boolean {
  return model.startsWith(CHAIN_PREFIX);
}

/** The models behind a reference, each once: those of a chain (none, if there is no such chain), or just this one. */
export function modelsOf(model: string, chains: Chains): readonly string[] {
  if (!isChain(model)) return [model];
  const name = model.slice(CHAIN_PREFIX.length);
  return Object.hasOwn(chains, name) ? [...new Set(chains[name])] : [];
}
