import type { ModelHealth } from '../../protocol/key-health.ts';
import { splitModelRef } from '../../protocol/provider.ts';
import type { Route } from '../http/route.ts';
import type { Providers } from '../model/providers.ts';
import type { Secrets } from '../store/secrets.ts';
import type { KeyHealth } from './key-health.ts';
import { keysOf } from './provider-keys.ts';

/** What the host needs to choose among models. It reads; only calls change what is remembered. */
export interface KeyRoutesDeps {
  readonly providers: Providers;
  readonly secrets: Secrets;
  readonly health: KeyHealth;
}

const MOST_MODELS = 50;

export const KEY_ROUTES: readonly Route<KeyRoutesDeps>[] = [
  {
    method: 'GET',
    pattern: /^\/model-health$/,
    hostToo: true,
    run: (deps, { request }): ModelHealth => {
      const { url = '' } = request;
      const query = new URLSearchParams(url.slice(url.indexOf('?') + 1 || url.length));
      const models = query.getAll('model').slice(0, MOST_MODELS);
      return {
        models: models.map((model) => ({ model, readyAt: readyAt(deps, model) })),
        keys: [...deps.health.list()],
      };
    },
  },
];

/** The soonest of its provider's keys; `null` when the provider is not set up or has no key. */
function readyAt({ providers, secrets, health }: KeyRoutesDeps, ref: string): number | null {
  const { provider: id, model } = splitModelRef(ref);
  const provider = providers.find(id);
  if (provider === undefined) return null;
  const keys = keysOf(provider, secrets);
  if (keys.length === 0 && provider.needsKey) return null;
  const used = keys.length > 0 ? keys : [{ provider: id, key: provider.secretName }];
  return Math.min(...used.map((key) => health.readyAt(key, model)));
}
