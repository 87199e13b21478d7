import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { createSecureContext, type SecureContext } from 'node:tls';
import { HoldfastError } from '../../../protocol/error.ts';
import { checkpoint } from '../../store/database.ts';
import type { KeyRing } from '../../store/key-ring.ts';
import { seal, unseal } from '../../store/sealed.ts';
import { makeCertificate } from './certificate.ts';

/**
 * The authority of this installation, with which the vault looks into TLS where its owner said so. Its key is sealed like
 * any secret and never leaves; its certificate is given to the sandboxes that need it and to nothing else, so no program
 * outside of them ever believes what it signs.
 */
export interface Authority {
  /** Of the authority, in PEM; undefined while the vault is locked. */
  certificate(): string | undefined;
  /** A server's context for one host, signed for a few days. Throws while the vault is locked. */
  contextFor(host: string): SecureContext;
  /** After an unlock. */
  load(): void;
  reseal(from: Buffer, to: Buffer): void;
}

export interface AuthorityDeps {
  readonly database: DatabaseSync;
  readonly ring: Pick<KeyRing, 'key'>;
  readonly now: () => number;
}

interface Open {
  readonly name: string;
  readonly certificate: string;
  readonly privateKey: KeyObject;
  readonly expiresAt: number;
}

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 730;
const RENEW_DAYS = 30;
const LEAF_DAYS = 7;
/** Clocks in images are off. */
const BEFORE_MS = DAY_MS;
const SEAL_NAME = 'intercept-authority\n';
const MOST_CONTEXTS = 1_000;

export function createAuthority(deps: AuthorityDeps): Authority {
  const { database, now } = deps;
  let open: Open | undefined;
  const contexts = new Map<string, { context: SecureContext; until: number }>();
  const current = (): Open | undefined => {
    const key = deps.ring.key;
    if (!key) return undefined;
    if (open === undefined || open.expiresAt - RENEW_DAYS * DAY_MS < now()) {
      open = readAuthority(database, key, now());
      if (open === undefined) {
        open = makeAuthority(now());
        writeAuthority(database, key, open);
        checkpoint(database);
      }
      contexts.clear();
    }
    return open;
  };
  return {
    certificate: () => current()?.certificate,
    contextFor: (host) => {
      const known = contexts.get(host);
      if (known && known.until > now()) return known.context;
      const authority = current();
      if (!authority) throw new HoldfastError('vault.locked', 'The vault is locked.', { remedy: 'holdfast unlock' });
      if (contexts.size >= MOST_CONTEXTS) contexts.clear();
      const context = signServer(authority, host, now());
      contexts.set(host, { context, until: now() + (LEAF_DAYS * DAY_MS) / 2 });
      return context;
    },
    load: () => void current(),
    reseal: (from, to) => {
      const known = readAuthority(database, from, now());
      if (known) writeAuthority(database, to, known);
    },
  };
}

function signServer({ name, certificate, privateKey }: Open, host: string, now: number): SecureContext {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const cert = makeCertificate({
    ...{ subject: host, publicKey: pair.publicKey, issuer: { name, privateKey }, hosts: [host] },
    ...{ notBefore: new Date(now - BEFORE_MS), notAfter: new Date(now + LEAF_DAYS * DAY_MS) },
  });
  const key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return createSecureContext({ key, cert: `${cert}${certificate}`, minVersion: 'TLSv1.2' });
}

function makeAuthority(now: number): Open {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = `Holdfast sandboxes ${randomBytes(4).toString('hex')}`;
  const expiresAt = now + AUTHORITY_DAYS * DAY_MS;
  const certificate = makeCertificate({
    ...{ subject: name, publicKey, issuer: { name, privateKey } },
    ...{ notBefore: new Date(now - BEFORE_MS), notAfter: new Date(expiresAt) },
  });
  return { name, certificate, privateKey, expiresAt };
}

function writeAuthority(database: DatabaseSync, key: Buffer, { name, certificate, privateKey, expiresAt }: Open): void {
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const { nonce, sealed, tag } = seal(key, `${SEAL_NAME}${certificate}`, Buffer.from(pkcs8));
  database
    .prepare(
      `INSERT OR REPLACE INTO intercept_authority (id, name, certificate, expires_at, nonce, sealed, tag)
       VALUES (1, ?, ?, ?, ?, ?, ?)`,
    )
    .run(name, certificate, expiresAt, nonce, sealed, tag);
}

/** The one that is kept, unless it is about to end. */
function readAuthority(database: DatabaseSync, key: Buffer, now: number): Open | undefined {
  const row = database.prepare('SELECT * FROM intercept_authority WHERE id = 1').get();
  if (!row || Number(row.expires_at) - RENEW_DAYS * DAY_MS < now) return undefined;
  const { nonce, sealed, tag } = row;
  const [name, certificate] = [String(row.name), String(row.certificate)];
  const isSealed = nonce instanceof Uint8Array && sealed instanceof Uint8Array && tag instanceof Uint8Array;
  const opened = isSealed ? unseal(key, `${SEAL_NAME}${certificate}`, { nonce, sealed, tag }) : undefined;
  if (opened)
    return {
      name,
      certificate,
      privateKey: createPrivateKey(opened.toString('utf8')),
      expiresAt: Number(row.expires_at),
    };
  throw new HoldfastError(
    'storage.corrupt',
    'The authority for sandboxes does not authenticate: vault.db was changed from outside.',
    {
      remedy: 'Restore vault.db from a backup.',
    },
  );
}
