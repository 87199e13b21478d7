import type { Clock } from '../../base/clock.ts';
import type { JsonValue } from '../../protocol/json.ts';
import { toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';

/**
 * Where every room writes what must be found again: who did what to whom, and what became of it.
 *
 * Contract: a row holds ids, names, counts and hashes. It never holds a secret, an argument of a call, or text that a model
 * or a person wrote; the hash of the arguments says which call it was. What belongs to a change is written by `row` in the
 * change's own unit, so that neither can be without the other. Events of the journal have their rows already
 * (`event-rows.ts`): write none for them.
 */
export interface AuditSink {
  row(entry: AuditEntry): Statement;
  /** For what changes nothing else (a refusal, a rate limit): a unit of its own, durable when it resolves. */
  record(entry: AuditEntry): Promise<void>;
}

export interface AuditEntry {
  /** `owner`, `usr_…`, `agent:<id>`, `key:tok_…`, `holdfast`. */
  readonly actor: string;
  /** The person it is done for, when that is somebody else. */
  readonly principal?: string | undefined;
  /** `cli`, `web`, `token`, `run`, `clock`, `vault`, or the name of a channel. */
  readonly surface: string;
  /** `<what>.<happened>`: `login.refused`, `permission.changed`, `rate.limited`. */
  readonly action: `${string}.${string}`;
  /** The id or name of what it concerns. */
  readonly target: string;
  /** One word: `done`, `denied`, `refused`, `failed`, `limited` … */
  readonly outcome: string;
  readonly agentId?: string | undefined;
  readonly runId?: string | undefined;
  readonly argsHash?: string | undefined;
  /** Plain facts. What is longer than `MOST_DETAIL_CHARS` as JSON is left out and marked so. */
  readonly details?: Readonly<Record<string, JsonValue>> | undefined;
}

const MOST_DETAIL_CHARS = 8_000;
const MOST_CHARS = 300;

export function createAuditSink({ store, sql, clock }: { store: Store; sql: HostSql; clock: Clock }): AuditSink {
  const row: AuditSink['row'] = (entry) => toStatement(sql.insertInto('audit').values(valuesOf(entry, clock.now())));
  return { row, record: async (entry) => void (await store.write([row(entry)])) };
}

function valuesOf(entry: AuditEntry, at: number) {
  return {
    at,
    actor: bounded(entry.actor),
    principal: entry.principal === undefined ? null : bounded(entry.principal),
    surface: bounded(entry.surface),
    action: bounded(entry.action),
    target: bounded(entry.target),
    outcome: bounded(entry.outcome),
    agent_id: entry.agentId ?? null,
    run_id: entry.runId ?? null,
    args_hash: entry.argsHash ?? null,
    details: entry.details === undefined ? null : detailsOf(entry.details),
  };
}

/** A name may come from outside (a channel's user): it is cut and can end no line. */
export function bounded(text: string): string {
  return text
    .slice(0, MOST_CHARS)
    .toWellFormed()
    .replaceAll(/\p{Cc}/gu, ' ');
}

function detailsOf(details: NonNullable<AuditEntry['details']>): string {
  const text = JSON.stringify(details).toWellFormed();
  return text.length <= MOST_DETAIL_CHARS ? text : JSON.stringify({ tooLong: text.length });
}
