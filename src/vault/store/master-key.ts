import { type Argon2Parameters, argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { closeSync, constants, existsSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { HoldfastError } from '../../protocol/error.ts';
import type { Meta } from './meta.ts';
import { KEY_BYTES, seal, unseal } from './sealed.ts';

/**
 * Where the master key comes from, and the proof that it is the right one.
 *
 * The key is never stored beside the data in the clear except in the key file (0600) of the `key-file` source. A canary,
 * sealed when the vault is made, tells a wrong key or passphrase before any secret is touched, so that nothing is ever
 * written under a wrong key.
 */
export type KeySource = 'key-file' | 'passphrase' | 'keychain';

const CANARY_NAME = 'holdfast.canary';
const CANARY_TEXT = Buffer.from('holdfast vault canary');
const ARGON2: Omit<Argon2Parameters, 'message' | 'nonce'> = {
  parallelism: 1,
  tagLength: KEY_BYTES,
  memory: 65_536,
  passes: 3,
};
const derive = promisify(argon2);

/** The recorded source; `undefined` before the first key. */
export function keySourceOf(meta: Meta): KeySource | undefined {
  const source = meta.get('key.source');
  return source === 'key-file' || source === 'passphrase' || source === 'keychain' ? source : undefined;
}

/** Reads the key file, or makes it if this vault has never had a key. */
export function keyFromFile(path: string, meta: Meta): Buffer {
  if (!existsSync(path)) {
    if (keySourceOf(meta) !== undefined) {
      throw new HoldfastError(
        'vault.key-missing',
        `The master key file ${path} is missing, and vault.db is sealed with it.`,
        {
          remedy: 'Put the file back from your backup; without it the stored secrets cannot be read.',
        },
      );
    }
    writeKeyFile(path, randomBytes(KEY_BYTES));
  }
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) !== 0) {
    throw new HoldfastError(
      'vault.key-missing',
      `The master key file ${path} has mode ${mode.toString(8)}: others may read it.`,
      {
        remedy: `Run: chmod 600 ${path}`,
      },
    );
  }
  const key = Buffer.from(readFileSync(path, 'utf8').trim(), 'base64');
  if (key.length !== KEY_BYTES) {
    throw new HoldfastError(
      'vault.key-missing',
      `The master key file ${path} does not hold a key of ${KEY_BYTES} bytes.`,
      {
        remedy: 'Put the file back from your backup.',
      },
    );
  }
  return key;
}

export function removeKeyFile(path: string): void {
  rmSync(path, { force: true });
}

/** Derives the key by argon2id; salt and cost are recorded at the first use. */
export async function keyFromPassphrase(passphrase: Uint8Array, salt: Uint8Array): Promise<Buffer> {
  if (passphrase.length === 0) {
    throw new HoldfastError('vault.wrong-passphrase', 'The passphrase is empty.', {
      remedy: 'Send the passphrase as the body.',
    });
  }
  return derive('argon2id', { ...ARGON2, message: passphrase, nonce: salt });
}

export function saltOf(meta: Meta): Buffer | undefined {
  const salt = meta.get('key.salt');
  return salt === undefined ? undefined : Buffer.from(salt, 'base64');
}

/** Records source and canary for a new key. Call inside the transaction that seals everything with it. */
export function recordKey(meta: Meta, source: KeySource, key: Buffer, salt?: Buffer): void {
  const canary = seal(key, CANARY_NAME, CANARY_TEXT);
  meta.set('key.source', source);
  if (salt) meta.set('key.salt', salt.toString('base64'));
  meta.set('key.canary', JSON.stringify([canary.nonce, canary.sealed, canary.tag].map(toBase64)));
}

/** True when `key` is the one this vault was sealed with. */
export function keyFits(meta: Meta, key: Buffer): boolean {
  const stored = meta.get('key.canary');
  if (stored === undefined) return false;
  const parts: unknown = JSON.parse(stored);
  if (!Array.isArray(parts)) return false;
  const [nonce, sealed, tag] = parts.map((part) => Buffer.from(String(part), 'base64'));
  if (!nonce || !sealed || !tag) return false;
  const opened = unseal(key, CANARY_NAME, { nonce, sealed, tag });
  return opened !== undefined && opened.length === CANARY_TEXT.length && timingSafeEqual(opened, CANARY_TEXT);
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

/**
 * Exclusive and synchronous: a key that sealed something must be on the disk before that something. (`fsync` is not
 * allowed under Node's permission model; O_SYNC does the same.)
 */
function writeKeyFile(path: string, key: Buffer): void {
  const { O_CREAT, O_EXCL, O_WRONLY, O_SYNC } = constants;
  const file = openSync(path, O_CREAT | O_EXCL | O_WRONLY | O_SYNC, 0o600);
  try {
    writeSync(file, `${key.toString('base64')}\n`);
  } finally {
    closeSync(file);
  }
}
