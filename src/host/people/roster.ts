import { isAtLeast, OWNER_PERSON, Role } from '../../protocol/people.ts';
import type { Principal } from '../control.ts';
import type { PeopleTable } from './tables.ts';

/**
 * Who is who, in memory: asked with every request and before every answer to a question. It holds the few people of one
 * install and is changed only together with their rows.
 */
export interface Roster {
  get(id: string): Person | undefined;
  all(): readonly Person[];
  /**
   * Whether this principal may answer a question that was asked on somebody's behalf. People answer for themselves; admins
   * and the owner for everybody; viewers, programs, agents and the host for nobody.
   */
  mayDecide(principal: Principal, approval: { readonly principal?: string | null | undefined }): boolean;
  /** Whether this principal may pull the kill switch: of everything, or of one agent. */
  mayFreeze(principal: Principal): boolean;
}

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly createdAt: number;
  readonly lastSeenAt: number | null;
}

export interface MutableRoster extends Roster {
  set(person: Person): void;
  delete(id: string): void;
}

/** Surfaces where a person speaks. A program with a key is none, whoever made the key. */
const NOT_A_PERSON: readonly string[] = ['token', 'run', 'clock', 'vault'];

export function createRoster(rows: readonly PeopleTable[]): MutableRoster {
  const people = new Map(rows.map((row) => [row.id, toPerson(row)]));
  const speaker = (principal: Principal): Person | undefined =>
    NOT_A_PERSON.includes(principal.surface) ? undefined : people.get(principal.id);
  return {
    get: (id) => people.get(id),
    all: () => [...people.values()],
    mayDecide: (principal, approval) => {
      const person = speaker(principal);
      if (person === undefined) return false;
      if (isAtLeast(person.role, 'admin')) return true;
      return person.role === 'member' && (approval.principal ?? OWNER_PERSON) === person.id;
    },
    mayFreeze: (principal) => {
      const person = speaker(principal);
      return person !== undefined && isAtLeast(person.role, 'admin');
    },
    set: (person) => void people.set(person.id, person),
    delete: (id) => void people.delete(id),
  };
}

export function toPerson(row: PeopleTable): Person {
  return {
    id: row.id,
    name: row.name,
    role: Role.parse(row.role),
    createdAt: Number(row.created_at),
    lastSeenAt: row.last_seen_at === null ? null : Number(row.last_seen_at),
  };
}
