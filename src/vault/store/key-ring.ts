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

type Reseal = (from: Buffer, to: Buffer) => void;

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

  /** A vault whose key has to be brought comes up locked when it was not; a wrong key is refused. */
  static async open(handover: KeyHandover, deps: KeyRingDeps): Promise<KeyRing> {
    const ring = new KeyRing(deps, keySourceOf(deps.meta) ?? SOURCE_OF_HANDOVER[handover.kind]);
    if (ring.#source === 'key-file') ring.#accept(keyFromFile(deps.keyFile, deps.meta));
    else if (handover.kind === 'passphrase' && ring.#source === 'passphrase') await ring.unlock(handover.value);
    else if (handover.kind === 'raw' && ring.#source === 'keychain') ring.#acceptRaw(handover.value);
    return ring;
  }

  get source(): KeySource {
    return this.#source;
  }

  get key(): Buffer | undefined {
    return this.#key;
  }

  /** The passphrase, or the raw key when it lies in the OS keychain. */
  async unlock(given: Uint8Array): Promise<void> {
    if (this.#source === 'key-file') {
      throw new HoldfastError('bad-request', 'This vault has no passphrase; its key comes from its key file.', {
        remedy: 'Nothing to do: it is already unlocked.',
      });
    }
    if (this.#source === 'keychain') {
      this.#acceptRaw(Buffer.from(given));
      return;
    }
    const salt = saltOf(this.#deps.meta);
    const newSalt = salt ?? randomBytes(16);
    this.#accept(await keyFromPassphrase(given, newSalt), salt ? undefined : newSalt);
  }

  /** Seals everything anew under a passphrase; `reseal` runs in the same transaction as the new canary. */
  async changePassphrase(passphrase: Uint8Array, reseal: Reseal): Promise<void> {
    if (!this.#key) throw vaultLocked();
    const salt = randomBytes(16);
    this.#change({ source: 'passphrase', key: await keyFromPassphrase(passphrase, salt), salt }, reseal);
  }

  /** Seals everything anew under a key that the OS keychain keeps from now on. */
  changeToKeychain(key: Buffer, reseal: Reseal): void {
    if (key.length !== KEY_BYTES) throw wrongLength(key);
    this.#change({ source: 'keychain', key }, reseal);
  }

  #change(next: { source: KeySource; key: Buffer; salt?: Buffer }, reseal: Reseal): void {
    const { database, meta, keyFile } = this.#deps;
    const from = this.#key;
    if (!from) throw vaultLocked();
    transact(database, () => {
      reseal(from, next.key);
      recordKey(meta, next.source, next.key, next.salt);
    });
    this.#source = next.source;
    this.#key = next.key;
    checkpoint(database);
    removeKeyFile(keyFile);
  }

  #acceptRaw(key: Buffer): void {
    if (key.length !== KEY_BYTES) throw wrongLength(key);
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
  return new HoldfastError('vault.locked', 'The vault is locked: nobody has brought its master key yet.', {
    remedy: 'Unlock it with `holdfast unlock`.',
    retryable: true,
  });
}

function wrongLength(key: Buffer): HoldfastError {
  return new HoldfastError(
    'vault.key-missing',
    `${key.length} bytes were handed over as the master key, which has ${KEY_BYTES}.`,
    {
      remedy: 'Look at what the OS keychain holds for Holdfast.',
    },
  );
}
