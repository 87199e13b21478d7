import { z } from 'zod';
import type { HoldfastConfig } from '../../protocol/config.ts';
import type { JsonValue } from '../../protocol/json.ts';
import { readOne } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { AuditSink } from './sink.ts';

/**
 * `config.json` is changed while nobody watches; what the host reads at its start is compared with what it read the last
 * time. It holds no secret by its schema, so that the row may hold its values: the next start compares with them.
 */
const ACTION = 'config.read';
const Kept = z.object({ leaves: z.record(z.string(), z.unknown()) });

export async function recordConfig(
  config: HoldfastConfig,
  { store, sql, sink }: { store: Store; sql: HostSql; sink: AuditSink },
): Promise<void> {
  const query = sql.selectFrom('audit').select('details').where('action', '=', ACTION).orderBy('seq', 'desc').limit(1);
  const before = Kept.safeParse(JSON.parse((await readOne(store, query))?.details ?? 'null'));
  const leaves = leavesOf(config);
  const changed = before.success ? changedKeys(before.data.leaves, leaves) : [];
  if (before.success && changed.length === 0) return;
  await sink.record({
    actor: 'owner',
    surface: 'config.json',
    action: ACTION,
    target: 'config.json',
    outcome: before.success ? 'changed' : 'first',
    details: { changed, leaves },
  });
}

function changedKeys(before: Readonly<Record<string, unknown>>, now: Readonly<Record<string, unknown>>): string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...keys].filter((key) => JSON.stringify(before[key]) !== JSON.stringify(now[key])).sort();
}

/** `server.port` → 7420. Lists count as one value. */
function leavesOf(value: object, path = ''): Record<string, JsonValue> {
  const entries = Object.entries(value).flatMap(([key, item]: [string, unknown]) => {
    const name = path === '' ? key : `${path}.${key}`;
    if (typeof item === 'object' && item !== null && !Array.isArray(item)) return Object.entries(leavesOf(item, name));
    return item === undefined ? [] : [[name, z.json().parse(item)] as const];
  });
  return Object.fromEntries(entries);
}
