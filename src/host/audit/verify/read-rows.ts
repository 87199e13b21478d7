import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import type { z } from 'zod';
import { ExportEnd, ExportRow, ExportStart } from '../../../protocol/audit.ts';
import { HoldfastError } from '../../../protocol/error.ts';
import type { AuditExport, ExportedRow } from '../export.ts';
import { type StoredAuditRow, toAuditRow } from '../rows.ts';

/** The audit of a copy of a SQLite database. It is only read; the copy may come from anywhere. */
export function readDatabase(path: string): AuditExport & Disposable {
  const database = open(path);
  const chains = database
    .prepare('SELECT id, first_seq, reason FROM audit_chains ORDER BY first_seq, started_at')
    .all();
  return {
    chains: chains.map((row) => ({
      id: String(row.id),
      firstSeq: Number(row.first_seq),
      reason: String(row.reason),
    })),
    async *rows() {
      const rows = database.prepare(
        'SELECT audit.*, audit_links.link FROM audit LEFT JOIN audit_links ON audit_links.seq = audit.seq ORDER BY audit.seq',
      );
      for (const row of rows.iterate()) {
        const stored = row as unknown as StoredAuditRow & { link: string | null }; // The text is checked by its hash.
        yield { row: toAuditRow(stored), link: stored.link };
      }
    },
    [Symbol.dispose]: () => database.close(),
  };
}

function open(path: string): DatabaseSync {
  try {
    const database = new DatabaseSync(path, { readOnly: true });
    database.prepare('SELECT count(*) FROM audit_links').get();
    return database;
  } catch (error) {
    throw new HoldfastError('storage.corrupt', `${path} is no database of a Holdfast host with an audit.`, {
      remedy: 'Give a copy of host.db, or a file made by: holdfast audit export',
      cause: error,
    });
  }
}

/** The audit of an export. Its first and last line are read here; one that was cut off is refused. */
export async function readExport(path: string): Promise<AuditExport> {
  const first = await firstLine(path);
  const start = parse(ExportStart, first, path, 1);
  return { chains: start.chains, rows: () => rowsOf(path) };
}

async function* rowsOf(path: string): AsyncGenerator<ExportedRow> {
  let number = 0;
  let rows = 0;
  let end: number | undefined;
  for await (const line of linesOf(path)) {
    number += 1;
    if (number === 1) continue;
    if (line.startsWith('{"end"')) end = parse(ExportEnd, line, path, number).end;
    else {
      rows += 1;
      yield parse(ExportRow, line, path, number);
    }
  }
  if (end !== rows) throw damaged(path, `it has ${rows} rows and says ${end ?? 'nothing'} at its end`);
}

async function firstLine(path: string): Promise<string> {
  for await (const line of linesOf(path)) return line;
  throw damaged(path, 'it is empty');
}

function linesOf(path: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY });
}

function parse<T>(schema: z.ZodType<T>, line: string, path: string, number: number): T {
  try {
    return schema.parse(JSON.parse(line));
  } catch (error) {
    throw damaged(path, `line ${number} is not what an export holds`, error);
  }
}

function damaged(path: string, why: string, cause?: unknown): HoldfastError {
  return new HoldfastError('storage.corrupt', `The export ${path} is damaged: ${why}.`, {
    remedy: 'Make it anew: holdfast audit export',
    cause,
  });
}
