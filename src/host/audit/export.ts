import type { AuditRowView } from '../../protocol/audit.ts';
import { readAll } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import { type StoredAuditRow, toAuditRow } from './rows.ts';

/** What a verifier reads, from a live database, a copy of one or a file. */
export interface AuditExport {
  readonly chains: readonly { readonly id: string; readonly firstSeq: number; readonly reason: string }[];
  /** In the order of `seq`. */
  rows(): AsyncIterable<ExportedRow>;
}

export interface ExportedRow {
  readonly row: AuditRowView;
  readonly link: string | null;
}

const PAGE = 500;

export async function exportOf(store: Store, sql: HostSql): Promise<AuditExport> {
  const chains = await readAll(
    store,
    sql.selectFrom('audit_chains').selectAll().orderBy('first_seq').orderBy('started_at'),
  );
  return {
    chains: chains.map((chain) => ({ id: chain.id, firstSeq: Number(chain.first_seq), reason: chain.reason })),
    rows: () => pages(store, sql),
  };
}

async function* pages(store: Store, sql: HostSql): AsyncGenerator<ExportedRow> {
  for (let after = 0; ; ) {
    const query = sql
      .selectFrom('audit')
      .leftJoin('audit_links', 'audit_links.seq', 'audit.seq')
      .selectAll('audit')
      .select('audit_links.link')
      .where('audit.seq', '>', after)
      .orderBy('audit.seq')
      .limit(PAGE);
    const rows = await readAll<StoredAuditRow & { link: string | null }>(store, query);
    for (const row of rows) yield { row: toAuditRow(row), link: row.link };
    if (rows.length < PAGE) return;
    after = Number(rows.at(-1)?.seq);
  }
}

/** The export as lines of JSON, each with its end. */
export async function* exportLines(audit: AuditExport): AsyncGenerator<string> {
  yield `${JSON.stringify({ holdfastAudit: 1, chains: audit.chains })}\n`;
  let count = 0;
  for await (const row of audit.rows()) {
    count += 1;
    yield `${JSON.stringify(row)}\n`;
  }
  yield `${JSON.stringify({ end: count })}\n`;
}
