import type { Clock } from '../../base/clock.ts';
import { firstLink, nextLink, rowDigest } from '../../base/hash-chain.ts';
import { uuidv7 } from '../../base/id.ts';
import { MOST_DIGESTS, rowText } from '../../protocol/audit.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { readAll, readOne, toStatement } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import { type StoredAuditRow, toAuditRow } from './rows.ts';

/**
 * The hash chain over the audit rows of one database. Rows are committed without a link, by as many units side by side as
 * the store groups; here, in one place, committed rows get their links in the order of `seq`. That order is the order of
 * the commits, and so of the journal, because a database has one writer: no row with a lower `seq` can appear later, and
 * one that does was put there from outside, which `verify` finds.
 *
 * A row without a link is not protected yet, and a link is not protected until a head after it is anchored. The window in
 * which a row could be changed unseen is therefore from its commit to the next anchored head, not to its link.
 */
export interface Chain {
  /** Links what is committed. Resolves with the end of the chain; calls wait for each other. */
  link(): Promise<ChainEnd>;
  /** The stored link of a position; `undefined` beyond the end. Position 0 is the beginning. */
  linkAt(position: number): Promise<string | undefined>;
  /** Digests of the rows after a position, made anew from the rows. */
  digestsAfter(position: number): Promise<{ digests: Buffer; seq: number }>;
  /** Ends this chain where it is and begins another: after a backup was restored. */
  beginNew(reason: string): Promise<string>;
}

export interface ChainEnd {
  readonly chain: string;
  readonly count: number;
  /** `seq` of the last linked row; 0 while there is none. */
  readonly seq: number;
  readonly link: string;
}

const PAGE = 500;

export function createChain(deps: { store: Store; sql: HostSql; clock: Clock }): Chain {
  let end: ChainEnd | undefined;
  let tail: Promise<unknown> = Promise.resolve();
  /** One at a time: two that link the same rows would only meet at the primary key. */
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const done = tail.then(work, work);
    tail = done.catch(() => undefined);
    return done;
  };
  const current = async (): Promise<ChainEnd> => {
    end ??= await loadEnd(deps);
    return end;
  };
  return {
    link: () =>
      alone(async () => {
        let at = await current();
        for (;;) {
          const linked = await linkPage(deps, at);
          end = linked;
          if (linked.count - at.count < PAGE) return linked;
          at = linked;
        }
      }),
    linkAt: async (position) => {
      const { chain } = await current();
      if (position === 0) return firstLink(chain);
      const query = deps.sql
        .selectFrom('audit_links')
        .select('link')
        .where('chain', '=', chain)
        .where('position', '=', position);
      return (await readOne(deps.store, query))?.link;
    },
    digestsAfter: async (position) => digestsAfter(deps, (await current()).chain, position),
    beginNew: (reason) =>
      alone(async () => {
        end = await begin(deps, (await current()).seq + 1, reason);
        return end.chain;
      }),
  };
}

type Deps = { readonly store: Store; readonly sql: HostSql; readonly clock: Clock };

async function loadEnd(deps: Deps): Promise<ChainEnd> {
  const { store, sql } = deps;
  const newest = sql.selectFrom('audit_chains').selectAll().orderBy('first_seq', 'desc').orderBy('started_at', 'desc');
  const chain = await readOne(store, newest.limit(1));
  if (chain === undefined) return await begin(deps, 1, 'the database was made');
  const links = sql.selectFrom('audit_links').selectAll().where('chain', '=', chain.id);
  const last = await readOne(store, links.orderBy('position', 'desc').limit(1));
  if (last === undefined)
    return { chain: chain.id, count: 0, seq: Number(chain.first_seq) - 1, link: firstLink(chain.id) };
  return { chain: chain.id, count: Number(last.position), seq: Number(last.seq), link: last.link };
}

async function begin({ store, sql, clock }: Deps, firstSeq: number, reason: string): Promise<ChainEnd> {
  const id = uuidv7(clock.now());
  const row = { id, first_seq: firstSeq, started_at: clock.now(), reason };
  await store.write([toStatement(sql.insertInto('audit_chains').values(row))]);
  return { chain: id, count: 0, seq: firstSeq - 1, link: firstLink(id) };
}

async function linkPage({ store, sql }: Deps, at: ChainEnd): Promise<ChainEnd> {
  const query = sql.selectFrom('audit').selectAll().where('seq', '>', at.seq).orderBy('seq').limit(PAGE);
  const rows = await readAll<StoredAuditRow>(store, query);
  if (rows.length === 0) return at;
  let next = at;
  const unit = rows.map((row) => {
    const link = nextLink(next.link, rowDigest(rowText(toAuditRow(row))));
    next = { chain: at.chain, count: next.count + 1, seq: Number(row.seq), link };
    return toStatement(
      sql.insertInto('audit_links').values({ seq: next.seq, chain: next.chain, position: next.count, link }),
    );
  });
  await store.write(unit);
  return next;
}

/** By position, so that a row which is gone or out of its place leaves a hole that is seen here and not signed over. */
async function digestsAfter(
  { store, sql }: Deps,
  chain: string,
  position: number,
): Promise<{ digests: Buffer; seq: number }> {
  const parts: Buffer[] = [];
  let seq = 0;
  while (parts.length < MOST_DIGESTS) {
    const query = sql
      .selectFrom('audit_links')
      .innerJoin('audit', 'audit.seq', 'audit_links.seq')
      .selectAll('audit')
      .select('audit_links.position')
      .where('audit_links.chain', '=', chain)
      .where('audit_links.position', '>', position + parts.length)
      .orderBy('audit_links.position')
      .limit(Math.min(PAGE, MOST_DIGESTS - parts.length));
    const rows = await readAll<StoredAuditRow & { position: number }>(store, query);
    for (const row of rows) {
      if (Number(row.position) !== position + parts.length + 1) throw hole(position + parts.length + 1);
      parts.push(rowDigest(rowText(toAuditRow(row))));
      seq = Number(row.seq);
    }
    if (rows.length === 0) break;
  }
  return { digests: Buffer.concat(parts), seq };
}

function hole(position: number): HoldfastError {
  return new HoldfastError('storage.corrupt', `Row ${position} of the audit chain is gone.`, {
    remedy: 'Somebody changed the database from outside. Look with: holdfast audit verify',
  });
}
