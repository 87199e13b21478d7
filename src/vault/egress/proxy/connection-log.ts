import type { DatabaseSync } from 'node:sqlite';
import { EgressConnection, type EgressDenials } from '../../../protocol/egress.ts';

/**
 * One row for every connection that a sandbox asked for. It is written when the answer is known, `open` for one that goes
 * on, and completed at its end; what a death of the vault cut off is named at the next start.
 *
 * A sandbox can ask a million times a second: after `MOST_DENIALS` of a run, further denials are counted in one row.
 */
export interface ConnectionLog {
  /** A connection that goes on; returns its row. */
  open(connection: NewConnection): number;
  finish(
    row: number,
    end: { verdict: 'done' | 'failed' | 'cut'; reason: string; bytesUp: number; bytesDown: number },
  ): void;
  /** `ask`: the place that the owner could open for this task; empty when that is not the way. */
  deny(connection: NewConnection, reason: string, ask?: string): void;
  /** In the order in which they began, those after a row. */
  list(filter: { run: string; after?: number }): EgressConnection[];
  denials(run: string, after: number): EgressDenials;
  bytesOf(run: string): number;
}

export interface NewConnection {
  readonly agent: string;
  readonly run: string;
  readonly scheme: 'http' | 'https' | '';
  readonly host: string;
  readonly port: number;
  /** Absent where nobody sees it. */
  readonly method?: string;
  readonly path?: string;
  /** Whose credential goes along. */
  readonly service?: string;
}

interface Why {
  readonly reason: string;
  readonly ask?: string;
}

const KEPT_MS = 30 * 86_400_000;
const PRUNE_EVERY = 500;
const MOST_DENIALS = 200;
const MOST_REPORTED = 20;
const STOPPED = 'the vault stopped';
const MORE = 'more connections were denied; only their number is kept';

export function createConnectionLog(database: DatabaseSync, now: () => number): ConnectionLog {
  database
    .prepare("UPDATE egress_connections SET verdict = 'cut', reason = ?, finished_at = ? WHERE verdict = 'open'")
    .run(STOPPED, now());
  const insert = database.prepare(
    `INSERT INTO egress_connections
     (agent, run, scheme, host, port, method, path, service, verdict, reason, ask, started_at, finished_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const update = database.prepare(
    'UPDATE egress_connections SET verdict = ?, reason = ?, bytes_up = ?, bytes_down = ?, finished_at = ? WHERE id = ?',
  );
  const countDenials = database.prepare(
    "SELECT count(*) AS n FROM egress_connections WHERE run = ? AND verdict = 'denied'",
  );
  const countMore = database.prepare(
    "UPDATE egress_connections SET attempts = attempts + 1, finished_at = ? WHERE run = ? AND verdict = 'denied' AND reason = ?",
  );
  const byRun = database.prepare('SELECT * FROM egress_connections WHERE run = ? AND id > ? ORDER BY id LIMIT 10000');
  const deniedAfter = database.prepare(
    "SELECT id, reason FROM egress_connections WHERE run = ? AND verdict = 'denied' AND id > ? ORDER BY id LIMIT ?",
  );
  const countThrough = database.prepare(
    "SELECT count(*) AS n, total(bytes_up + bytes_down) AS bytes FROM egress_connections WHERE run = ? AND verdict IN ('open', 'done', 'cut')",
  );
  const lastOf = database.prepare("SELECT max(id) AS id FROM egress_connections WHERE run = ? AND verdict = 'denied'");
  const prune = database.prepare('DELETE FROM egress_connections WHERE finished_at < ?');
  let written = 0;
  const write = (one: NewConnection, verdict: 'open' | 'denied', { reason, ask = '' }: Why): number => {
    if (written % PRUNE_EVERY === 0) prune.run(now() - KEPT_MS);
    written += 1;
    const end = verdict === 'open' ? null : now();
    const { agent, run, scheme, host, port, method = '', path = '', service = '' } = one;
    const row = [agent, run, scheme, host, port, method, path, service, verdict, reason, ask, now(), end] as const;
    return Number(insert.run(...row).lastInsertRowid);
  };
  return {
    open: (connection) => write(connection, 'open', { reason: '' }),
    finish: (row, { verdict, reason, bytesUp, bytesDown }) =>
      void update.run(verdict, reason, bytesUp, bytesDown, now(), row),
    deny: (connection, reason, ask) => {
      const denied = Number(countDenials.get(connection.run)?.n);
      if (denied < MOST_DENIALS) write(connection, 'denied', { reason, ...(ask === undefined ? {} : { ask }) });
      else if (countMore.run(now(), connection.run, MORE).changes === 0)
        write({ ...connection, scheme: '', host: '', port: 0 }, 'denied', { reason: MORE });
    },
    list: ({ run, after = 0 }) => byRun.all(run, after).map(toConnection),
    denials: (run, after) => ({
      denials: deniedAfter
        .all(run, after, MOST_REPORTED)
        .map((row) => ({ id: Number(row.id), message: String(row.reason) })),
      connections: Number(countThrough.get(run)?.n ?? 0),
      last: Math.max(after, Number(lastOf.get(run)?.id ?? 0)),
    }),
    bytesOf: (run) => Number(countThrough.get(run)?.bytes ?? 0),
  };
}

function toConnection(row: Record<string, unknown>): EgressConnection {
  return EgressConnection.parse({
    ...row,
    bytesUp: row.bytes_up,
    bytesDown: row.bytes_down,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  });
}
