import type { Home } from '../../base/home.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { PersonView } from '../../protocol/people.ts';
import { request } from '../api-request.ts';
import { closest } from '../closest.ts';
import { askHost } from '../typed-request.ts';

export const listPeople = (home: Home): Promise<PersonView[]> =>
  askHost(home, PersonView.array(), { method: 'GET', path: '/api/people' });

/** A person by id or by name. */
export async function findPerson(home: Home, wanted: string): Promise<PersonView> {
  const people = await listPeople(home);
  const found = people.find((one) => one.id === wanted || one.name.toLowerCase() === wanted.toLowerCase());
  if (found !== undefined) return found;
  const near = closest(
    wanted,
    people.map((one) => one.name),
  );
  throw new HoldfastError('not-found', `There is nobody called ${wanted}.`, {
    remedy: near ? `Did you mean ${near}?` : 'See: holdfast people list',
  });
}

export async function tell(home: Home, method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<void> {
  await request({ socketPath: home.hostSocket }, { method, path, ...(body === undefined ? {} : { body }) });
}
