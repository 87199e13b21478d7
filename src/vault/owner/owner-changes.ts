import type { DatabaseSync } from 'node:sqlite';
import { uuidv7 } from '../../base/id.ts';
import { HoldfastError } from '../../protocol/error.ts';
import {
  CLOCK_SKEW_MS,
  ENVELOPE_LIFE_MS,
  type HeldChange,
  type OwnerChangeResult,
  type OwnerEnvelope,
  OwnerPayload,
} from '../../protocol/owner-change.ts';
import { parseJson } from '../http/body.ts';
import { parseWith } from '../http/parse.ts';
import type { Door } from '../http/route.ts';
import { checkpoint } from '../store/database.ts';
import { apply, type ChangeDeps, describe, narrows, scopeOf } from './change-rules.ts';
import type { Identity } from './identity.ts';
import type { OwnerKeys } from './owner-keys.ts';

/**
 * Where every widening that comes through the host is decided. Each id is good once and is spent before the change is done
 * or held, so that a copy of an envelope is refused for as long as it could be valid, also after a crash in between.
 */
export interface OwnerChanges {
  submit(envelope: OwnerEnvelope, door: Door): OwnerChangeResult;
  held(): readonly HeldChange[];
  /** The owner's word for one that is held. */
  confirm(id: string): void;
  drop(id: string): void;
}

export interface OwnerChangesDeps extends Omit<ChangeDeps, 'open'> {
  readonly database: DatabaseSync;
  readonly identity: Identity;
  readonly keys: OwnerKeys;
  readonly now: () => number;
}

const MOST_HELD = 100;
const HELD_LIFE_MS = 7 * 86_400_000;

export function createOwnerChanges(deps: OwnerChangesDeps): OwnerChanges {
  const { database, identity, keys, now } = deps;
  const changeDeps: ChangeDeps = { ...deps, open: identity.open };

  /** Throws `conflict` for an id that was seen. */
  const spend = ({ id, expiresAt }: OwnerPayload): void => {
    database.prepare('DELETE FROM used_envelopes WHERE expires_at < ?').run(now() - CLOCK_SKEW_MS);
    const { changes } = database
      .prepare('INSERT OR IGNORE INTO used_envelopes (id, expires_at) VALUES (?, ?)')
      .run(id, expiresAt);
    if (Number(changes) === 0)
      throw new HoldfastError('conflict', `The change ${id} was handed in before; each is good once.`);
  };

  const hold = (text: string): OwnerChangeResult => {
    database.prepare('DELETE FROM held_changes WHERE received_at < ?').run(now() - HELD_LIFE_MS);
    if (database.prepare('SELECT id FROM held_changes').all().length >= MOST_HELD)
      throw new HoldfastError('too-large', `${MOST_HELD} changes wait for the owner already.`, {
        remedy: 'Look at them: holdfast owner pending',
      });
    const id = `chg_${uuidv7()}`;
    database.prepare('INSERT INTO held_changes (id, payload, received_at) VALUES (?, ?, ?)').run(id, text, now());
    return { state: 'held', id, unlock: `holdfast owner confirm ${id}` };
  };

  const isOwners = (envelope: OwnerEnvelope, payload: OwnerPayload, door: Door): boolean => {
    if (door === 'owner') return true;
    const { key, signature } = envelope;
    if (key === undefined || signature === undefined) return false;
    const scope = scopeOf(payload.change);
    if (keys.verify({ payload: envelope.payload, key, signature }).includes(scope)) return true;
    throw new HoldfastError('vault.unsigned', `The owner key ${key} is not trusted with ${scope}.`, {
      remedy: `Trust it with that too: holdfast owner trust <public key> --with ${scope}`,
    });
  };

  const find = (id: string): OwnerPayload => {
    const row = database.prepare('SELECT payload FROM held_changes WHERE id = ?').get(id);
    if (row) return OwnerPayload.parse(JSON.parse(String(row.payload)));
    throw new HoldfastError('not-found', `No change ${id.slice(0, 100)} waits for the owner.`, {
      remedy: 'See `holdfast owner pending`.',
    });
  };
  const drop = (id: string): void => void database.prepare('DELETE FROM held_changes WHERE id = ?').run(id);

  return {
    submit: (envelope, door) => {
      const payload = parseWith(OwnerPayload, parseJson(Buffer.from(envelope.payload)));
      checkValidity(payload, identity.view().fingerprint, now());
      const may = isOwners(envelope, payload, door) || narrows(payload.change, changeDeps);
      spend(payload);
      checkpoint(database);
      if (!may) return hold(envelope.payload);
      apply(payload, changeDeps);
      return { state: 'done' };
    },
    held: () =>
      database
        .prepare('SELECT id, payload, received_at FROM held_changes ORDER BY received_at')
        .all()
        .map((row) => {
          const { change } = OwnerPayload.parse(JSON.parse(String(row.payload)));
          return { id: String(row.id), kind: change.kind, text: describe(change), receivedAt: Number(row.received_at) };
        }),
    confirm: (id) => {
      apply(find(id), changeDeps);
      drop(id);
    },
    drop: (id) => {
      find(id);
      drop(id);
    },
  };
}

function checkValidity({ vault, issuedAt, expiresAt }: OwnerPayload, fingerprint: string, now: number): void {
  const problem =
    vault !== fingerprint
      ? 'it is meant for another vault'
      : issuedAt > now + CLOCK_SKEW_MS
        ? 'it comes from the future; compare the clocks'
        : expiresAt < now
          ? 'it has expired'
          : expiresAt - issuedAt > ENVELOPE_LIFE_MS
            ? `it would be good for longer than ${ENVELOPE_LIFE_MS / 60_000} minutes`
            : undefined;
  if (problem !== undefined)
    throw new HoldfastError('vault.unsigned', `The change is refused: ${problem}.`, { remedy: 'Make it anew.' });
}
