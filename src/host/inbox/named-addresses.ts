import { readAll } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import { HOST_PRINCIPAL } from '../workers/follow-up.ts';

/** Messages of a conversation that are looked through, newest first, and addresses that are kept. */
const MOST_MESSAGES = 200;
const MOST_ADDRESSES = 500;
const ADDRESS = /https?:\/\/[^\s"'`<>()[\]{}|\\^]+/gi;
/** A sentence ends with these; an address that does is named without. */
const AFTER = /[.,;:!?]+$/;

/**
 * The addresses that people wrote in a session, each exactly as it would be asked for. Only what a person sent counts:
 * not what a model, a page or the host wrote.
 */
export function createNamedAddresses(deps: { store: Store; sql: HostSql }): (sessionId: string) => Promise<string[]> {
  return async (sessionId) => {
    const rows = await readAll(
      deps.store,
      deps.sql
        .selectFrom('inbox')
        .select('text')
        .where('session_id', '=', sessionId)
        .where('principal', '!=', HOST_PRINCIPAL)
        .orderBy('received_at', 'desc')
        .limit(MOST_MESSAGES),
    );
    const found = new Set(rows.flatMap((row) => addressesIn(row.text)));
    return [...found].slice(0, MOST_ADDRESSES);
  };
}

export function addressesIn(text: string): string[] {
  return [...text.matchAll(ADDRESS)].flatMap(([match]) => URL.parse(match.replace(AFTER, ''))?.href ?? []);
}
