import type { HeadReply, SignedHead } from '../../protocol/audit.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { toStatement } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { VaultAudit } from '../vault-client/vault-audit.ts';
import type { Chain, ChainEnd } from './chain.ts';

/**
 * Has the end of the chain signed. The digests are made from the rows and not from the stored links, and what the vault
 * says is compared with those: a row that was edited since it was linked stops here, before anything is signed over it.
 */
export interface Heads {
  /** The signed head of everything that is committed; `undefined` while there is nothing. */
  sign(): Promise<HeadReply | undefined>;
  /** The vault's public key, once it has been asked. */
  readonly publicKey: string | undefined;
}

export interface HeadsDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly chain: Chain;
  readonly vault: VaultAudit;
}

export function createHeads(deps: HeadsDeps): Heads {
  let publicKey: string | undefined;
  let newest: HeadReply | undefined;
  return {
    get publicKey() {
      return publicKey;
    },
    sign: async () => {
      const end = await deps.chain.link();
      if (end.count === 0) return undefined;
      if (newest?.head.chain === end.chain && newest.head.count === end.count) return newest;
      const { signed, key } = await deps.vault.state(end.chain);
      publicKey = key;
      await mustAgree(deps.chain, end, signed ?? undefined);
      newest = await signOn(deps, end, signed?.count ?? 0);
      return newest;
    },
  };
}

/** Page by page; when nothing is new the last head is signed once more, in case its answer was lost. */
async function signOn({ chain, vault, ...deps }: HeadsDeps, end: ChainEnd, from: number): Promise<HeadReply> {
  for (let position = from; ; ) {
    const { digests, seq } = await chain.digestsAfter(position);
    if (digests.length === 0 && position < end.count) throw changed(`row ${position + 1} is gone`);
    const text = digests.toString('base64');
    const reply = await vault.sign({ chain: end.chain, from: position, seq: Math.max(seq, 1), digests: text });
    position = reply.head.count;
    await keep(deps, reply.head);
    if (reply.head.link !== (await chain.linkAt(position))) throw changed(`a row up to ${position} was edited`);
    if (position >= end.count) return reply;
  }
}

/** What the vault signed must be what is here. */
async function mustAgree(chain: Chain, end: ChainEnd, signed: { count: number; link: string } | undefined) {
  if (signed === undefined) return;
  if (signed.count > end.count) throw changed(`the vault has signed ${signed.count} rows and ${end.count} are here`);
  if ((await chain.linkAt(signed.count)) !== signed.link)
    throw changed(`the chain differs from what was signed at row ${signed.count}`);
}

async function keep({ store, sql }: Pick<HeadsDeps, 'store' | 'sql'>, head: SignedHead): Promise<void> {
  const row = { chain: head.chain, count: head.count, head: JSON.stringify(head) };
  await store.write([
    toStatement(
      sql
        .insertInto('audit_heads')
        .values(row)
        .onConflict((conflict) => conflict.columns(['chain', 'count']).doNothing()),
    ),
  ]);
}

function changed(what: string): HoldfastError {
  return new HoldfastError('storage.corrupt', `The audit was changed from outside: ${what}.`, {
    remedy:
      'Look with: holdfast audit verify. If you restored a backup yourself, begin a new chain: holdfast audit new-chain',
  });
}
