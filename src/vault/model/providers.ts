import type { DatabaseSync } from 'node:sqlite';
import Pool from 'undici/lib/dispatcher/pool.js';
import { HoldfastError } from '../../protocol/error.ts';
import { CHAIN_PREFIX, PROVIDER_PRESETS, ProviderId } from '../../protocol/provider.ts';
import { ProviderSetting } from '../../protocol/vault-api.ts';
import { checkpoint } from '../store/database.ts';

export interface UpstreamTimeouts {
  readonly connectMs: number;
  /** From the request sent to the first byte of the answer's head. */
  readonly firstByteMs: number;
  /** Between two chunks of the answer. */
  readonly idleMs: number;
}

export const DEFAULT_TIMEOUTS: UpstreamTimeouts = { connectMs: 10_000, firstByteMs: 600_000, idleMs: 120_000 };

/** A configured provider with its connections. */
export interface Provider {
  readonly id: string;
  readonly title: string;
  readonly setting: ProviderSetting;
  readonly pool: Pool;
  /** Path of the base URL, without a slash at its end. */
  readonly basePath: string;
  readonly secretName: string;
  readonly needsKey: boolean;
}

/** The providers the owner configured. Redirects of a provider are never followed, so a key goes to its base URL alone. */
export class Providers implements AsyncDisposable {
  readonly #database: DatabaseSync;
  readonly #timeouts: UpstreamTimeouts;
  readonly #providers = new Map<string, Provider>();

  constructor(database: DatabaseSync, timeouts: UpstreamTimeouts) {
    this.#database = database;
    this.#timeouts = timeouts;
    for (const row of database.prepare('SELECT id, setting FROM providers ORDER BY id').all()) {
      const id = String(row.id);
      this.#providers.set(id, this.#connect(id, ProviderSetting.parse(JSON.parse(String(row.setting)))));
    }
  }

  find(id: string): Provider | undefined {
    return this.#providers.get(id);
  }

  /** Throws `model.unknown-provider`. */
  get(id: string): Provider {
    const provider = this.#providers.get(id);
    if (provider) return provider;
    throw new HoldfastError('model.unknown-provider', `The provider ${id} is not configured.`, {
      remedy: `Add it with \`holdfast setup --provider ${id}\`.`,
    });
  }

  all(): readonly Provider[] {
    return [...this.#providers.values()];
  }

  put(id: string, setting: ProviderSetting): void {
    const name = ProviderId.safeParse(id);
    if (!name.success || `${id}/` === CHAIN_PREFIX)
      throw new HoldfastError(
        'bad-request',
        `Provider id ${JSON.stringify(id)}: use a-z 0-9 - and start with a letter; chain is taken.`,
      );
    checkBaseUrl(setting.baseUrl);
    this.#database
      .prepare(
        'INSERT INTO providers (id, setting) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET setting = excluded.setting',
      )
      .run(id, JSON.stringify(setting));
    checkpoint(this.#database);
    this.#retire(id);
    this.#providers.set(id, this.#connect(id, setting));
  }

  delete(id: string): void {
    this.get(id);
    this.#database.prepare('DELETE FROM providers WHERE id = ?').run(id);
    this.#retire(id);
    this.#providers.delete(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.all().map((provider) => provider.pool.destroy()));
  }

  /** Calls under way finish on the old connections. */
  #retire(id: string): void {
    this.#providers
      .get(id)
      ?.pool.close()
      .catch(() => undefined);
  }

  #connect(id: string, setting: ProviderSetting): Provider {
    const url = new URL(setting.baseUrl);
    const { connectMs, firstByteMs, idleMs } = this.#timeouts;
    const preset = PROVIDER_PRESETS.find((known) => known.id === id);
    return {
      id,
      title: preset?.title ?? id,
      setting,
      pool: new Pool(url.origin, {
        connections: null,
        pipelining: 1,
        allowH2: false,
        connectTimeout: connectMs,
        headersTimeout: firstByteMs,
        bodyTimeout: idleMs,
      }),
      basePath: url.pathname.replace(/\/+$/, ''),
      secretName: `provider.${id}`,
      needsKey: !setting.simulator && (preset?.needsKey ?? false),
    };
  }
}

function checkBaseUrl(baseUrl: string): void {
  const url = new URL(baseUrl);
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new HoldfastError('bad-request', `The base URL ${baseUrl} is not http or https.`);
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw new HoldfastError(
      'bad-request',
      `The base URL must have no user, query or fragment: ${url.origin}${url.pathname}`,
      {
        remedy: 'Give the key as the secret of the provider instead.',
      },
    );
}
