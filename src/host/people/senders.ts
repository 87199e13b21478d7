import { randomInt } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { ChannelName, type PairingCode, type SenderView } from '../../protocol/people.ts';
import { readAll, toStatement } from '../../storage/query.ts';
import type { Store } from '../../storage/store.ts';
import { createFailureLimiter } from '../access/failure-limiter.ts';
import { hashSecret } from '../access/secrets.ts';
import type { AuditSink } from '../audit/sink.ts';
import type { Principal } from '../control.ts';
import type { HostSql } from '../database.ts';

/**
 * Whose messages on a channel count as whose. Nobody's do until an address was paired: by a code that a person got at the
 * dashboard or in the terminal and sends on the channel, or by an admin by hand. A code is good once, for ten minutes, on
 * one channel; five wrong ones from an address and it is not looked at for ten minutes; twenty on a channel and all its
 * open codes are void, so that many addresses together guess no better than one.
 */
export interface Senders {
  /** The person that an address is, or `undefined`: a stranger, whose message nobody may act on. */
  personOf(channel: string, address: string): string | undefined;
  of(person: string): readonly SenderView[];
  all(): readonly SenderView[];
  newCode(channel: string, person: string, by: Principal): Promise<PairingCode>;
  /** What an address sent that is no known sender: perhaps a code. */
  pair(channel: string, address: string, text: string): Promise<Paired>;
  allow(sender: { channel: string; address: string; person: string }, by: Principal): Promise<SenderView>;
  forget(channel: string, address: string, by: Principal): Promise<void>;
  load(): Promise<void>;
}

export type Paired =
  | { readonly kind: 'paired'; readonly person: string }
  | { readonly kind: 'no-code' }
  | { readonly kind: 'wrong' }
  | { readonly kind: 'limited' };

export const CODE_LIFETIME_MS = 600_000;
const CODE_LENGTH = 10;
const LETTERS = 'ABCDEFGHJKMNPQRSTVWXYZ23456789';
const LOOKS_LIKE_CODE = /^(?:\/start\s+)?([A-HJKMNP-TV-Z2-9]{5})[\s-]?([A-HJKMNP-TV-Z2-9]{5})$/i;
const LIMITS = { failures: 5, windowMs: 600_000, callers: 10_000 };
const MOST_WRONG_ON_CHANNEL = 20;

type Deps = { store: Store; sql: HostSql; clock: Clock; audit: AuditSink };

export async function createSenders(deps: Deps): Promise<Senders> {
  const { store, sql, clock, audit } = deps;
  let known = new Map<string, SenderView>();
  const failures = createFailureLimiter(LIMITS, clock);
  const wrongOnChannel = createFailureLimiter({ ...LIMITS, failures: MOST_WRONG_ON_CHANNEL }, clock);
  const load = async (): Promise<void> => {
    const rows = await readAll(store, sql.selectFrom('senders').selectAll());
    known = new Map(rows.map((row) => [keyOf(row.channel, row.address), toView(row)]));
  };
  await load();
  const keep = async (sender: SenderView, by: Principal, more: Parameters<Store['write']>[0] = []): Promise<void> => {
    const row = { channel: sender.channel, address: sender.address, person: sender.person, paired_at: sender.pairedAt };
    const insert = sql.insertInto('senders').values(row);
    await store.write([
      ...more,
      toStatement(insert.onConflict((conflict) => conflict.columns(['channel', 'address']).doUpdateSet(row))),
      audit.row({
        ...{ actor: by.id, surface: by.surface, action: 'sender.paired', outcome: 'done' },
        target: `${sender.channel}:${sender.address}`,
        details: { person: sender.person },
      }),
    ]);
    await load();
  };
  return {
    personOf: (channel, address) => known.get(keyOf(channel, address))?.person,
    of: (person) => [...known.values()].filter((one) => one.person === person),
    all: () => [...known.values()],
    newCode: (channel, person, by) => newCode(deps, { channel, person, by }),
    pair: async (channel, address, text) => {
      const code = LOOKS_LIKE_CODE.exec(text.trim());
      if (code === null) return { kind: 'no-code' };
      const from = keyOf(channel, address);
      if (failures.waitMs(from) > 0 || wrongOnChannel.waitMs(channel) > 0) return { kind: 'limited' };
      const hash = hashSecret(`${code[1]}${code[2]}`.toUpperCase());
      const person = await openPairing(deps, hash, channel);
      const sender = { channel, address, person: person ?? '', pairedAt: clock.now() };
      if (
        person !== undefined &&
        (await tookCode(() => keep(sender, { id: person, surface: channel }, [useUp(deps, hash)])))
      )
        return { kind: 'paired', person };
      failures.failed(from);
      wrongOnChannel.failed(channel);
      if (wrongOnChannel.waitMs(channel) > 0) await voidCodes(deps, channel);
      return { kind: 'wrong' };
    },
    allow: async (sender, by) => {
      const view = { ...sender, pairedAt: clock.now() };
      await keep(view, by);
      return view;
    },
    forget: async (channel, address, by) => {
      if (!known.has(keyOf(channel, address)))
        throw new HoldfastError('not-found', `${address.slice(0, 100)} is not paired on ${channel}.`);
      const gone = sql.deleteFrom('senders').where('channel', '=', channel).where('address', '=', address);
      const entry = { actor: by.id, surface: by.surface, action: 'sender.forgotten', outcome: 'done' } as const;
      await store.write([toStatement(gone), audit.row({ ...entry, target: `${channel}:${address}` })]);
      await load();
    },
    load,
  };
}

async function newCode(
  { store, sql, clock, audit }: Deps,
  { channel, person, by }: { channel: string; person: string; by: Principal },
): Promise<PairingCode> {
  ChannelName.parse(channel);
  const code = Array.from({ length: CODE_LENGTH }, () => LETTERS[randomInt(LETTERS.length)]).join('');
  const now = clock.now();
  const row = { hash: hashSecret(code), channel, person, created_at: now, expires_at: now + CODE_LIFETIME_MS };
  await store.write([
    toStatement(sql.deleteFrom('pairings').where('expires_at', '<', now)),
    // One open code of a person and channel: asking again makes the one before void.
    toStatement(sql.deleteFrom('pairings').where('channel', '=', channel).where('person', '=', person)),
    toStatement(sql.insertInto('pairings').values(row)),
    audit.row({
      ...{ actor: by.id, surface: by.surface, action: 'pairing.offered', outcome: 'done' },
      target: channel,
      details: { person },
    }),
  ]);
  return { code: `${code.slice(0, 5)}-${code.slice(5)}`, channel, person, expiresAt: row.expires_at };
}

async function openPairing({ store, sql, clock }: Deps, hash: string, channel: string): Promise<string | undefined> {
  const query = sql
    .selectFrom('pairings')
    .select('person')
    .where('hash', '=', hash)
    .where('channel', '=', channel)
    .where('used_at', 'is', null)
    .where('expires_at', '>', clock.now());
  return (await readAll(store, query))[0]?.person;
}

/** Guarded: two addresses that send the same code cannot both be that person. */
function useUp({ sql, clock }: Deps, hash: string) {
  const take = sql
    .updateTable('pairings')
    .set({ used_at: clock.now() })
    .where('hash', '=', hash)
    .where('used_at', 'is', null);
  return toStatement(take, { expectRows: 1 });
}

async function tookCode(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (HoldfastError.from(error).code !== 'storage.guard-failed') throw error;
    return false;
  }
}

async function voidCodes({ store, sql, audit }: Deps, channel: string): Promise<void> {
  await store.write([
    toStatement(sql.deleteFrom('pairings').where('channel', '=', channel).where('used_at', 'is', null)),
    audit.row({ actor: 'holdfast', surface: channel, action: 'pairing.voided', target: channel, outcome: 'limited' }),
  ]);
}

const keyOf = (channel: string, address: string): string => `${channel}\n${address}`;

const toView = (row: { channel: string; address: string; person: string; paired_at: number }): SenderView => ({
  channel: row.channel,
  address: row.address,
  person: row.person,
  pairedAt: Number(row.paired_at),
});
