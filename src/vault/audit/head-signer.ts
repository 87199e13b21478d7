import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { firstLink, LINK_BYTES, linkAfter } from '../../base/hash-chain.ts';
import {
  AUDIT_KEY_SECRET,
  AUDIT_WEBHOOK_SECRET,
  type HeadReply,
  type HeadRequest,
  type HeadState,
  headText,
  MOST_DIGESTS,
  type SignedHead,
} from '../../protocol/audit.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { checkpoint } from '../store/database.ts';
import type { Secrets } from '../store/secrets.ts';

/**
 * Signs heads of the host's audit chain. The key is here and not with the host, and it signs only what continues the last
 * head that it signed: a host that an attacker runs can add lies to the end of the chain, but it cannot get a signature for
 * another past. What the vault needs for that are the digests of the new rows, never the rows.
 */
export interface HeadSigner {
  state(chain: string): HeadState;
  /** Throws `conflict` when the rows do not begin where the last head ended. */
  sign(request: HeadRequest): HeadReply;
}

export interface HeadSignerDeps {
  readonly database: DatabaseSync;
  readonly secrets: Secrets;
  readonly now: () => number;
}

export function createHeadSigner({ database, secrets, now }: HeadSignerDeps): HeadSigner {
  const find = database.prepare('SELECT count, seq, link FROM audit_heads WHERE chain = ?');
  const chains = database.prepare('SELECT count(*) AS n FROM audit_heads');
  const keep = database.prepare(
    `INSERT INTO audit_heads (chain, count, seq, link, at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (chain) DO UPDATE SET count = excluded.count, seq = excluded.seq, link = excluded.link, at = excluded.at`,
  );
  const signedOf = (chain: string): { count: number; seq: number; link: string } | null => {
    const row = find.get(chain);
    return row === undefined ? null : { count: Number(row.count), seq: Number(row.seq), link: String(row.link) };
  };
  return {
    state: (chain) => {
      const signed = signedOf(chain);
      return { signed: signed && { count: signed.count, link: signed.link }, key: publicText(keyOf(secrets)) };
    },
    sign: (request) => {
      const key = keyOf(secrets);
      const digests = digestsOf(request);
      const last = signedOf(request.chain) ?? { count: 0, seq: 0, link: firstLink(request.chain) };
      if (last.count !== request.from) throw notNext(request, last.count);
      if (last.count === 0 && digests.length === 0) throw new HoldfastError('bad-request', 'There is nothing to sign.');
      const facts = {
        chain: request.chain,
        count: last.count + digests.length / LINK_BYTES,
        seq: digests.length === 0 ? last.seq : request.seq,
        link: linkAfter(last.link, digests),
        at: now(),
      };
      keep.run(facts.chain, facts.count, facts.seq, facts.link, facts.at);
      checkpoint(database);
      const whole = { ...facts, chains: Number(chains.get()?.n) };
      const signature = sign(null, Buffer.from(headText(whole)), key).toString('base64url');
      const head: SignedHead = { v: 1, ...whole, key: publicText(key), signature };
      return { head, hmac: hmacOf(secrets, head) };
    },
  };
}

/** Made at first use and kept among the secrets, so that it is sealed, resealed and backed up like them. */
function keyOf(secrets: Secrets): KeyObject {
  if (!secrets.has(AUDIT_KEY_SECRET)) {
    const { privateKey } = generateKeyPairSync('ed25519');
    const text = privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64');
    secrets.put(AUDIT_KEY_SECRET, Buffer.from(text));
  }
  const der = Buffer.from(secrets.reveal(AUDIT_KEY_SECRET), 'base64');
  return createPrivateKey({ key: der, type: 'pkcs8', format: 'der' });
}

function publicText(key: KeyObject): string {
  return createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64url');
}

function hmacOf(secrets: Secrets, head: SignedHead): string | null {
  if (!secrets.has(AUDIT_WEBHOOK_SECRET)) return null;
  return createHmac('sha256', secrets.reveal(AUDIT_WEBHOOK_SECRET)).update(JSON.stringify({ head })).digest('hex');
}

function digestsOf({ digests }: HeadRequest): Buffer {
  const bytes = Buffer.from(digests, 'base64');
  const rows = bytes.length / LINK_BYTES;
  if (Number.isInteger(rows) && rows <= MOST_DIGESTS) return bytes;
  throw new HoldfastError('bad-request', `${bytes.length} bytes are not at most ${MOST_DIGESTS} digests of 32 bytes.`);
}

function notNext({ chain, from }: HeadRequest, count: number): HoldfastError {
  return new HoldfastError(
    'conflict',
    `The last signed head of ${chain} has ${count} rows; these begin after ${from}.`,
    {
      details: { count },
      remedy: 'A database that was restored from a backup begins a new chain: holdfast audit new-chain',
    },
  );
}
