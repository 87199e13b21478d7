import type { Clock } from '../../base/clock.ts';
import { uuidv7 } from '../../base/id.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { Label } from '../../protocol/label.ts';
import type { BlobStore } from '../../storage/blob-store.ts';
import { readOne, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import { labels } from '../labels/stored-label.ts';
import type { UntrustedRefsTable } from './tables.ts';

/**
 * Texts that nobody vouches for, kept where no model reads them. An id is random, so it says nothing of the text; it is
 * found only by the agent and session that it was made for.
 */
export interface UntrustedRefs {
  /** The row of a new reference, for the caller's unit; the text is stored before this resolves. */
  make(text: string, from: RefOrigin): Promise<{ id: string; bytes: number; statement: Statement }>;
  /** Throws `tool.bad-input` when this caller has no such reference. */
  read(id: string, caller: RefCaller): Promise<UntrustedText>;
  write(unit: readonly Statement[]): Promise<void>;
}

export interface RefCaller {
  readonly agentId: string;
  readonly sessionId: string | undefined;
  readonly runId: string;
}

export interface RefOrigin extends RefCaller {
  readonly tool: string;
  readonly label: Label;
}

export interface UntrustedText {
  readonly text: string;
  readonly label: Label;
  readonly tool: string;
  readonly blob: string;
  readonly bytes: number;
}

export function createUntrustedRefs(deps: {
  store: Store;
  sql: HostSql;
  blobs: BlobStore;
  clock: Clock;
}): UntrustedRefs {
  const { store, sql, blobs, clock } = deps;
  return {
    async make(text, from) {
      const { hash, bytes } = await blobs.put(Buffer.from(text));
      const row: UntrustedRefsTable = {
        id: `ref_${uuidv7()}`,
        run_id: from.runId,
        session_id: from.sessionId ?? null,
        agent_id: from.agentId,
        tool: from.tool,
        label: labels.store(from.label),
        blob: hash,
        bytes,
        created_at: clock.now(),
      };
      return { id: row.id, bytes, statement: toStatement(sql.insertInto('untrusted_refs').values(row)) };
    },
    async read(id, caller) {
      const row = await readOne(store, sql.selectFrom('untrusted_refs').selectAll().where('id', '=', id));
      if (row === undefined || !isOf(row, caller)) {
        throw new HoldfastError('tool.bad-input', `There is no reference ${id} here.`, {
          remedy: 'Use a reference exactly as a result of this conversation named it.',
        });
      }
      const text = Buffer.from(await blobs.get(row.blob)).toString('utf8');
      return { text, label: labels.rejoin(row.label), tool: row.tool, blob: row.blob, bytes: row.bytes };
    },
    write: async (unit) => void (await store.write(unit)),
  };
}

function isOf(row: UntrustedRefsTable, caller: RefCaller): boolean {
  if (row.agent_id !== caller.agentId) return false;
  return row.session_id === null ? row.run_id === caller.runId : row.session_id === caller.sessionId;
}
