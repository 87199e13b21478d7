import { type SigningKey, toBase64Url } from './seal.ts';

/**
 * This browser's own signing key. The private half is made so that it cannot be exported and stays in the browser's
 * database; the owner tells the vault to trust the public half, once, in a terminal.
 */
export interface PageKey {
  readonly privateKey: SigningKey;
  readonly publicKey: string;
  /** As the vault calls it. */
  readonly id: string;
}

const DATABASE = 'holdfast';
const STORE = 'keys';
const NAME = 'owner';

export async function loadPageKey(): Promise<PageKey> {
  const database = await open();
  const stored = await request(database.transaction(STORE).objectStore(STORE).get(NAME));
  const pair = isPair(stored) ? stored : await make(database);
  const raw = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', raw));
  const id = [...hash.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return { privateKey: pair.privateKey, publicKey: toBase64Url(raw), id: `key_${id}` };
}

async function make(database: IDBDatabase): Promise<CryptoKeyPair> {
  const pair = await crypto.subtle.generateKey('Ed25519', false, ['sign']);
  if (!isPair(pair)) throw new Error('This browser has no Ed25519.');
  await request(database.transaction(STORE, 'readwrite').objectStore(STORE).put(pair, NAME));
  return pair;
}

function isPair(value: unknown): value is CryptoKeyPair {
  return typeof value === 'object' && value !== null && 'privateKey' in value && 'publicKey' in value;
}

function open(): Promise<IDBDatabase> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  return request(opening);
}

function request<T>(wanted: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    wanted.onsuccess = () => resolve(wanted.result);
    wanted.onerror = () => reject(wanted.error);
  });
}
