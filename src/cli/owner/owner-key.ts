import {
  argon2,
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { z } from 'zod';
import { HoldfastError } from '../../protocol/error.ts';
import { signedText } from '../../protocol/seal-text.ts';

/**
 * The owner's signing key (Ed25519) on the owner's side: a file of mode 0600, its private half sealed under a passphrase if
 * one was given (argon2id, AES-256-GCM). The vault only ever sees the public half.
 */
const KeyFile = z.strictObject({
  format: z.literal('holdfast-owner-key'),
  publicKey: z.string(),
  /** The private half in base64url, when there is no passphrase. */
  privateKey: z.string().optional(),
  sealed: z.strictObject({ salt: z.string(), nonce: z.string(), box: z.string() }).optional(),
});
type KeyFile = z.infer<typeof KeyFile>;

const derive = promisify(argon2);
const COST = { parallelism: 1, tagLength: 32, memory: 65_536, passes: 3 } as const;
const TAG_BYTES = 16;

/** Makes a new key; answers with its public half. A file that is there is never overwritten. */
export async function makeOwnerKey(path: string, passphrase: string | undefined): Promise<string> {
  const { x = '', d = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const secret = passphrase === undefined ? { privateKey: d } : { sealed: await sealKey(d, passphrase) };
  const content: KeyFile = { format: 'holdfast-owner-key', publicKey: x, ...secret };
  const file = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw new HoldfastError('conflict', `${path} cannot be made: ${error.message}`, {
      remedy: 'Name another file with --file; an owner key is never overwritten.',
      cause: error,
    });
  });
  await using _close = file;
  await file.writeFile(`${JSON.stringify(content)}\n`);
  await file.sync();
  return x;
}

export interface OwnerKey {
  readonly publicKey: string;
  sign(payload: string): string;
}

export async function openOwnerKey(path: string, passphrase: () => Promise<string>): Promise<OwnerKey> {
  const content = await readKeyFile(path);
  const d = content.sealed ? await openSealed(content.sealed, await passphrase()) : content.privateKey;
  const key = privateKeyOf(path, content.publicKey, d);
  return {
    publicKey: content.publicKey,
    sign: (payload) => sign(null, Buffer.from(signedText(payload)), key).toString('base64url'),
  };
}

async function readKeyFile(path: string): Promise<KeyFile> {
  const problem = (text: string, remedy: string): HoldfastError => new HoldfastError('bad-request', text, { remedy });
  const { mode } = await stat(path).catch(() => {
    throw problem(`There is no owner key in ${path}.`, 'Make one: holdfast owner key');
  });
  if ((mode & 0o077) !== 0) throw problem(`Others may read ${path}.`, `Run: chmod 600 ${path}`);
  try {
    return KeyFile.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    throw problem(`${path} is not an owner key.`, 'Make one: holdfast owner key');
  }
}

function privateKeyOf(path: string, x: string, d: string | undefined): KeyObject {
  try {
    return createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', x, d: d ?? '' }, format: 'jwk' });
  } catch {
    // The cause quotes the key.
    throw new HoldfastError('bad-request', `The key in ${path} is damaged.`, { remedy: 'Make another one.' });
  }
}

async function sealKey(d: string, passphrase: string): Promise<NonNullable<KeyFile['sealed']>> {
  const salt = randomBytes(16);
  const nonce = randomBytes(12);
  const key = await derive('argon2id', { ...COST, message: Buffer.from(passphrase), nonce: salt });
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const box = Buffer.concat([cipher.update(d), cipher.final(), cipher.getAuthTag()]);
  return { salt: salt.toString('base64url'), nonce: nonce.toString('base64url'), box: box.toString('base64url') };
}

async function openSealed(sealed: NonNullable<KeyFile['sealed']>, passphrase: string): Promise<string> {
  const [salt, nonce, box] = [sealed.salt, sealed.nonce, sealed.box].map((text) => Buffer.from(text, 'base64url'));
  if (!salt || !nonce || !box) return '';
  const key = await derive('argon2id', { ...COST, message: Buffer.from(passphrase), nonce: salt });
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAuthTag(box.subarray(box.length - TAG_BYTES));
    return Buffer.concat([decipher.update(box.subarray(0, -TAG_BYTES)), decipher.final()]).toString('utf8');
  } catch (error) {
    throw new HoldfastError('vault.wrong-passphrase', 'The passphrase of the owner key is wrong.', { cause: error });
  }
}
