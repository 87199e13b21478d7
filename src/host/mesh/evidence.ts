import { z } from 'zod';
import { HoldfastError } from '../../protocol/error.ts';
import { readOne } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { Blackboard } from './blackboard.ts';
import { type MeshMember, wholeKey } from './keys.ts';
import { EVIDENCE_KINDS } from './task-states.ts';

/** What shows that a task is done. All but `url` and `note` are looked up: they must be there. */
export const Evidence = z.strictObject({
  kind: z.enum(EVIDENCE_KINDS),
  ref: z
    .string()
    .min(1)
    .max(2_000)
    .describe('Id of the artifact or effect, key of the blackboard, address, or a sentence'),
});
export type Evidence = z.infer<typeof Evidence>;

export interface EvidenceDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly blackboard: Pick<Blackboard, 'read'>;
}

/** Throws `tool.bad-input` naming the piece that does not hold. */
export async function checkEvidence(given: readonly Evidence[], member: MeshMember, deps: EvidenceDeps): Promise<void> {
  for (const piece of given) {
    if (await holds(piece, member, deps)) continue;
    throw new HoldfastError('tool.bad-input', `There is no ${piece.kind} ${piece.ref} of yours.`, {
      remedy: 'Give what is really there: the id that save_artifact returned, a key that you wrote.',
    });
  }
}

async function holds({ kind, ref }: Evidence, member: MeshMember, deps: EvidenceDeps): Promise<boolean> {
  const { store, sql, blackboard } = deps;
  if (kind === 'note') return true;
  if (kind === 'url') return URL.canParse(ref);
  if (kind === 'blackboard') return (await blackboard.read(wholeKey(ref, member))) !== undefined;
  if (kind === 'artifact') {
    const found = sql.selectFrom('artifacts').innerJoin('runs', 'runs.id', 'artifacts.run_id').select('artifacts.id');
    return (
      (await readOne(store, found.where('artifacts.id', '=', ref).where('runs.agent_id', '=', member.agentId))) !==
      undefined
    );
  }
  const effect = sql.selectFrom('effects').innerJoin('runs', 'runs.id', 'effects.run_id').select('effects.id');
  const own = effect.where('effects.id', '=', ref).where('runs.agent_id', '=', member.agentId);
  return (await readOne(store, own.where('effects.state', '=', 'ok'))) !== undefined;
}

/** Kinds that are required and not given. */
export function missingEvidence(required: string, given: readonly Evidence[]): string[] {
  const kinds = z.array(z.string()).catch([]).parse(JSON.parse(required));
  return kinds.filter((kind) => !given.some((piece) => piece.kind === kind));
}
