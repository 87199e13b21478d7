import type { Clock } from '../../base/clock.ts';
import { uuidv7 } from '../../base/id.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { type NewPerson, OWNER_PERSON, type PersonView, type Role } from '../../protocol/people.ts';
import { readAll, run, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { AuditSink } from '../audit/sink.ts';
import type { Principal } from '../control.ts';
import type { HostSql } from '../database.ts';
import { createRoster, type MutableRoster, type Person, type Roster } from './roster.ts';
import { createSenders, type Senders } from './senders.ts';
import { createShares, type Shares } from './shares.ts';
import type { PeopleTable } from './tables.ts';

/** The people of one install: who they are, what role they have, what they share, and where else they write from. */
export interface People {
  readonly roster: Roster;
  readonly shares: Shares;
  readonly senders: Senders;
  list(secondFactors: readonly string[]): Promise<PersonView[]>;
  /** Throws `not-found`. */
  get(id: string): Person;
  add(person: NewPerson, by: Principal): Promise<Person>;
  changeRole(id: string, role: Role, by: Principal): Promise<Person>;
  /** Their logins, keys, codes and addresses end with them; what they did stays. */
  remove(id: string, by: Principal): Promise<void>;
  seen(id: string): Promise<void>;
  /** Called with the id of a person who was removed or whose role changed, so that open streams can be closed. */
  onChanged(listener: (person: string) => void): Disposable;
}

export interface PeopleDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly clock: Clock;
  readonly audit: AuditSink;
}

const SEEN_EVERY_MS = 3_600_000;

export async function createPeople(deps: PeopleDeps): Promise<People> {
  const { store, sql, clock, audit } = deps;
  const living = sql.selectFrom('people').selectAll().where('removed_at', 'is', null).orderBy('created_at');
  const roster = createRoster(await readAll<PeopleTable>(store, living));
  const shares = await createShares(deps);
  const senders = await createSenders(deps);
  const listeners = new Set<(person: string) => void>();
  const changed = (id: string): void => {
    for (const listener of listeners) listener(id);
  };
  const get = (id: string): Person => roster.get(id) ?? missing(id);
  const row = (by: Principal, action: `person.${string}`, target: string, details: Record<string, string> = {}) =>
    audit.row({ actor: by.id, surface: by.surface, action, target, outcome: 'done', details });
  return {
    roster,
    shares,
    senders,
    list: async (secondFactors) =>
      roster.all().map((person) => ({
        ...person,
        secondFactor: secondFactors.includes(person.id),
        addresses: senders.of(person.id).map(({ channel, address }) => `${channel}:${address}`),
      })),
    get,
    add: async ({ name, role }, by) => {
      const person: Person = { id: `usr_${uuidv7(clock.now())}`, name, role, createdAt: clock.now(), lastSeenAt: null };
      await insert(deps, person, row(by, 'person.added', person.id, { role }));
      roster.set(person);
      return person;
    },
    changeRole: async (id, role, by) => {
      const person = { ...notOwner(get(id)), role };
      const update = sql.updateTable('people').set({ role }).where('id', '=', id).where('removed_at', 'is', null);
      await store.write([toStatement(update, { expectRows: 1 }), row(by, 'person.role-changed', id, { role })]);
      roster.set(person);
      changed(id);
      return person;
    },
    remove: async (id, by) => {
      notOwner(get(id));
      await store.write([...removal(deps, id), row(by, 'person.removed', id)]);
      roster.delete(id);
      await Promise.all([shares.load(), senders.load()]);
      changed(id);
    },
    seen: (id) => noteSeen(deps, roster, id),
    onChanged: (listener) => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
  };
}

async function insert({ store, sql }: PeopleDeps, person: Person, audited: Statement): Promise<void> {
  const { id, name, role, createdAt } = person;
  const values = { id, name, name_key: name.toLowerCase(), role, created_at: createdAt };
  try {
    await store.write([toStatement(sql.insertInto('people').values(values)), audited]);
  } catch (error) {
    if (HoldfastError.from(error).code !== 'conflict') throw error;
    throw new HoldfastError('conflict', `There is somebody called ${name} already.`, {
      remedy: 'Choose another name.',
    });
  }
}

/** Everything by which that person could come in again, in one unit. */
function removal({ sql, clock }: PeopleDeps, id: string): Statement[] {
  const at = clock.now();
  return [
    toStatement(
      sql.updateTable('people').set({ removed_at: at }).where('id', '=', id).where('removed_at', 'is', null),
      {
        expectRows: 1,
      },
    ),
    toStatement(sql.deleteFrom('logins').where('person', '=', id)),
    toStatement(sql.deleteFrom('login_links').where('person', '=', id)),
    toStatement(
      sql.updateTable('api_tokens').set({ revoked_at: at }).where('person', '=', id).where('revoked_at', 'is', null),
    ),
    toStatement(sql.deleteFrom('pairings').where('person', '=', id)),
    toStatement(sql.deleteFrom('senders').where('person', '=', id)),
    toStatement(sql.deleteFrom('session_shares').where('person', '=', id)),
  ];
}

async function noteSeen({ store, sql, clock }: PeopleDeps, roster: MutableRoster, id: string): Promise<void> {
  const person = roster.get(id);
  const now = clock.now();
  if (person === undefined || now - (person.lastSeenAt ?? 0) < SEEN_EVERY_MS) return;
  roster.set({ ...person, lastSeenAt: now });
  await run(store, sql.updateTable('people').set({ last_seen_at: now }).where('id', '=', id));
}

function missing(id: string): never {
  throw new HoldfastError('not-found', `There is no person ${id}.`, { remedy: 'See: holdfast people list' });
}

function notOwner(person: Person): Person {
  if (person.id !== OWNER_PERSON) return person;
  throw new HoldfastError('forbidden', 'The owner stays the owner, and stays.');
}
