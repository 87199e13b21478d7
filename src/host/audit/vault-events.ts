import { z } from 'zod';
import type { VaultEvent } from '../../protocol/audit.ts';
import { readOne } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { VaultAudit } from '../vault-client/vault-audit.ts';
import type { AuditSink } from './sink.ts';

/**
 * Copies what was changed at the vault's doors into the chain: caps, keys, grants, rules and freezes are changed there and
 * not here. The row says when the vault did it; its place in the chain says when the host heard of it.
 */
export const VAULT_ACTION = 'vault.changed';

const Cursor = z.object({ id: z.number(), vault: z.string() });
const MOST_ROUNDS = 20;

export interface VaultEventsDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly sink: AuditSink;
  readonly vault: VaultAudit;
  /** The vault's public key: the numbers of another vault begin anew. */
  readonly identity: () => Promise<string>;
}

export async function copyVaultEvents(deps: VaultEventsDeps): Promise<void> {
  const identity = await deps.identity();
  let after = await lastCopied(deps, identity);
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const events = await deps.vault.eventsAfter(after);
    const last = events.at(-1);
    if (last === undefined) return;
    await deps.store.write(events.map((event) => rowOf(deps.sink, event, identity)));
    after = last.id;
  }
}

async function lastCopied({ store, sql }: VaultEventsDeps, identity: string): Promise<number> {
  const query = sql.selectFrom('audit').select('details').where('action', '=', VAULT_ACTION);
  const row = await readOne(store, query.orderBy('seq', 'desc').limit(1));
  const cursor = Cursor.safeParse(JSON.parse(row?.details ?? 'null'));
  return cursor.success && cursor.data.vault === identity ? cursor.data.id : 0;
}

function rowOf(sink: AuditSink, event: VaultEvent, identity: string) {
  return sink.row({
    actor: event.door === 'owner' ? 'owner' : 'host',
    surface: 'vault',
    action: VAULT_ACTION,
    target: `${event.action} ${event.target}`.trim(),
    outcome: event.outcome,
    details: { id: event.id, vault: identity, at: event.at },
  });
}
