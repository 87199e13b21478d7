import { VERSION } from '../base/version.ts';
import type { VaultStatus } from '../protocol/vault-api.ts';
import type { KeyHealth } from './keys/key-health.ts';
import { keysOf } from './keys/provider-keys.ts';
import type { PriceData } from './model/price-data.ts';
import type { Providers } from './model/providers.ts';
import type { KeyRing } from './store/key-ring.ts';
import type { Secrets } from './store/secrets.ts';

export interface StatusSource {
  read(): VaultStatus;
}

export interface StatusDeps {
  readonly pid: number;
  readonly confinement: readonly string[];
  readonly ring: KeyRing;
  readonly secrets: Secrets;
  readonly providers: Providers;
  readonly prices: PriceData;
  readonly health: KeyHealth;
  readonly tcpPort: () => number | undefined;
}

export function createStatus(deps: StatusDeps): StatusSource {
  return {
    read: () => {
      const tcpPort = deps.tcpPort();
      const { date, source, models } = deps.prices;
      return {
        version: VERSION,
        pid: deps.pid,
        locked: deps.ring.key === undefined,
        confinement: [...deps.confinement],
        keySource: deps.ring.source,
        providers: deps.providers
          .all()
          .map((provider) => ({ provider, keys: keysOf(provider, deps.secrets).length }))
          .map(({ provider: { id, setting, needsKey }, keys }) => ({
            id,
            wire: setting.wire,
            baseUrl: setting.baseUrl,
            hasKey: keys > 0,
            keys,
            needsKey,
            simulator: setting.simulator,
            ...(setting.defaultModel === undefined ? {} : { defaultModel: setting.defaultModel }),
          })),
        keyHealth: [...deps.health.list()],
        priceData: { date, source, models },
        ...(tcpPort === undefined ? {} : { tcpPort }),
      };
    },
  };
}
