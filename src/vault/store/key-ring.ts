import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { HoldfastError } from '../../protocol/error.ts';
import { checkpoint, transact } from './database.ts';
import type { KeySource } from './master-key.ts';
import {
  keyFits,
  keyFromFile,
  keyFromPassphrase,
  keySourceOf,
  recordKey,
  removeKeyFile,
  saltOf,
} from './master-key.ts';
import type { Meta } from './meta.ts';
import { KEY_BYTES } from './sealed.ts';

/** What came with the start: nothing, a passphrase, or the raw key from an unlocker that asked the OS keychain. */
export type KeyHandover = { kind: 'none' } | { kind: 'passphrase'; value: Buffer } | { kind: 'raw'; value: Buffer };

export interface KeyRingDeps {
  readonly database: DatabaseSync;
  readonly meta: Meta;
  readonly keyFile: string;
}

const SOURCE_OF_HANDOVER = { none: 'key-file', passphrase: 'passphrase', raw: 'keychain' } as const;

/** Holds the master key while the vault is unlocked. */
export class KeyRing {
  readonly #deps: KeyRingDeps;
  #source: KeySource;
  #key: Buffer | undefined;

  private constructor(deps: KeyRingDeps, source: KeySource) {
    this.#deps = deps;
    this.#source = source;
  }

  /** A vault made with a passphrase and started without one comes up locked; every other mismatch is refused. */
  static async open(handover: KeyHandover, deps: KeyRingDeps): Promise<KeyRing> {
    const ring = new KeyRing(deps, keySourceOf(deps.meta) ?? SOURCE_OF_HANDOVER[handover.kind]);
    if (ring.#source === 'key-file') ring.#accept(keyFromFile(deps.keyFile, deps.meta));
    else if (handover.kind === 'passphrase' && ring.#source === 'passphrase') await ring.unlock(handover.value);
    else if (handover.kind === 'raw' && ring.#source === 'keychain') ring.#acceptRaw(handover.value);
    else if (ring.#source === 'keychain') throw keychainMissing();
    return ring;
  }

  get source(): KeySource {
    return this.#source;
  }

  get key(): Buffer | undefined {
    return this.#key;
  }

  async unlock(passphrase: Uint8Array): Promise<void> {
    if (this.#source !== 'passphrase') {
      throw new HoldfastError('bad-request', `This vault has no passphrase; its key comes from the ${this.#source}.`, {
        remedy: 'Nothing to do: it is already unlocked.',
      });
    }
    const salt = saltOf(this.#deps.meta);
    const newSalt = salt ?? randomBytes(16);
    this.#accept(await keyFromPassphrase(passphrase, newSalt), salt ? undefined : newSalt);
  }

  /** Seals everything anew under a passphrase; `reseal` runs in the same transaction as the new canary. */
  async changePassphrase(passphrase: Uint8Array, reseal: (from: Buffer, to: Buffer) => void): Promise<void> {
    const { database, meta, keyFile } = this.#deps;
    const from = this.#key;
    if (!from) throw vaultLocked();
    const salt = randomBytes(16);
    const to = await keyFromPassphrase(passphrase, salt);
    transact(database, () => {
      reseal(from, to);
      recordKey(meta, 'passphrase', to, salt);
    });
    this.#source = 'passphrase';
    this.#key = to;
    checkpoint(database);
    removeKeyFile(keyFile);
  }

  #acceptRaw(key: Buffer): void {
    if (key.length !== KEY_BYTES) {
      throw new HoldfastError(
        'vault.key-missing',
        `The unlocker handed over ${key.length} bytes instead of ${KEY_BYTES}.`,
        {
          remedy: 'Look at what the keychain holds for Holdfast.',
        },
      );
    }
    this.#accept(key);
  }

  #accept(key: Buffer, salt?: Buffer): void {
    const { database, meta } = this.#deps;
    if (keySourceOf(meta) === undefined) {
      transact(database, () => recordKey(meta, this.#source, key, salt));
      checkpoint(database);
    } else if (!keyFits(meta, key)) {
      throw this.#wrongKey();
    }
    this.#key = key;
  }

  #wrongKey(): HoldfastError {
    if (this.#source === 'passphrase') {
      return new HoldfastError('vault.wrong-passphrase', 'The passphrase is wrong. Nothing was changed.', {
        remedy: 'Try again with the passphrase this vault was made with.',
      });
    }
    return new HoldfastError(
      'vault.key-missing',
      `The key from the ${this.#source} is not the one vault.db is sealed with.`,
      {
        remedy: 'Put the right key back from your backup. Nothing was changed.',
      },
    );
  }
}

export function vaultLocked(): HoldfastError {
  return new HoldfastError(
    'vault.locked',
    'The vault is locked: its master key comes from a passphrase not given yet.',
    {
      remedy: 'Unlock it with `holdfast unlock`.',
      retryable: true,
    },
  );
}

function keychainMissing(): HoldfastError {
  return new HoldfastError(
    'vault.key-missing',
    "This vault's master key is in the OS keychain, and none was handed over.",
    {
      remedy: 'Start it with `holdfast start` in a session that may open the keychain.',
    },
  );
}
