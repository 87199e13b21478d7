import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { openSqliteStore } from '../../storage/sqlite/store.ts';
import type { Store } from '../../storage/store.ts';
import { createAccess } from '../access/access.ts';
import { createAuditSink } from '../audit/sink.ts';
import { createHostSql, hostMigrations } from '../database.ts';
import { createPeople, type People } from './people.ts';
import { CODE_LIFETIME_MS } from './senders.ts';

const OWNER = { id: 'owner', surface: 'cli' };

describe('people', () => {
  let directory: string;
  let store: Store;
  let people: People;
  let ahead = 0;
  const clock = { ...systemClock, now: () => Date.now() + ahead };
  const deps = () => {
    const sql = createHostSql(store.dialect);
    return { store, sql, clock, audit: createAuditSink({ store, sql, clock }) };
  };
  beforeEach(async () => {
    ahead = 0;
    directory = await mkdtemp(join(tmpdir(), 'holdfast-people-'));
    store = await openSqliteStore({ path: join(directory, 'host.db'), migrations: hostMigrations });
    people = await createPeople(deps());
  });
  afterEach(async () => {
    await store[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });
  const actions = async (): Promise<unknown[]> =>
    (await store.read({ sql: 'SELECT action, target FROM audit ORDER BY seq', parameters: [] })).map(
      (row) => row['action'],
    );

  it('begin with the owner, who can be neither changed nor removed', async () => {
    expect(people.roster.all().map(({ id, role }) => [id, role])).toEqual([['owner', 'owner']]);
    await expect(people.remove('owner', OWNER)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(people.changeRole('owner', 'viewer', OWNER)).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('have names of their own and roles, which are there after a restart and in the audit', async () => {
    const ada = await people.add({ name: 'Ada', role: 'member' }, OWNER);
    await expect(people.add({ name: 'ADA', role: 'viewer' }, OWNER)).rejects.toMatchObject({ code: 'conflict' });
    await people.changeRole(ada.id, 'viewer', OWNER);
    const again = await createPeople(deps());
    expect(again.get(ada.id)).toMatchObject({ name: 'Ada', role: 'viewer' });
    expect(await actions()).toEqual(['person.added', 'person.role-changed']);
  });

  it('take every way in with them when they are removed', async () => {
    const ada = await people.add({ name: 'Ada', role: 'member' }, OWNER);
    const access = createAccess(deps());
    const link = await access.invite(ada.id, OWNER);
    const second = await access.invite(ada.id, OWNER);
    const login = await access.redeem(link.secret, '127.0.0.1');
    const key = await access.createKey({ name: 'k', actions: ['read'], lifetimeMs: 60_000 }, ada.id, OWNER);
    await people.senders.allow({ channel: 'telegram', address: '5', person: ada.id }, OWNER);
    const changed: string[] = [];
    people.onChanged((id) => changed.push(id));
    await people.remove(ada.id, OWNER);
    expect(login.kind === 'login' && (await access.login(login.cookie))).toBe(undefined);
    expect(await access.redeem(second.secret, '127.0.0.1')).toMatchObject({ reason: 'unknown' });
    expect(await access.bearer(key.key, '127.0.0.1')).toEqual({ kind: 'refused' });
    expect(people.senders.personOf('telegram', '5')).toBeUndefined();
    expect(changed).toEqual([ada.id]);
    expect((await people.add({ name: 'Ada', role: 'viewer' }, OWNER)).id).not.toBe(ada.id);
  });

  it('may answer questions as their role says', async () => {
    const ada = await people.add({ name: 'Ada', role: 'member' }, OWNER);
    const adam = await people.add({ name: 'Adam', role: 'admin' }, OWNER);
    const vic = await people.add({ name: 'Vic', role: 'viewer' }, OWNER);
    const { mayDecide, mayFreeze } = people.roster;
    const web = (id: string) => ({ id, surface: 'web' });
    const question = (principal: string | null) => ({ principal });
    expect([ada, adam, vic].map(({ id }) => mayDecide(web(id), question(ada.id)))).toEqual([true, true, false]);
    expect([ada, adam, vic].map(({ id }) => mayDecide(web(id), question(vic.id)))).toEqual([false, true, false]);
    expect(mayDecide(web(ada.id), question(null))).toBe(false);
    expect(mayDecide({ id: 'owner', surface: 'telegram' }, question(ada.id))).toBe(true);
    for (const surface of ['token', 'run', 'clock', 'vault'])
      expect(mayDecide({ id: 'owner', surface }, question('owner'))).toBe(false);
    expect(mayDecide(web('agent:operator'), question('owner'))).toBe(false);
    expect(['owner', adam.id, ada.id, vic.id, 'nobody'].map((id) => mayFreeze(web(id)))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  describe('pairing on a channel', () => {
    it('makes an address a person, once per code, in any way people type it', async () => {
      const ada = await people.add({ name: 'Ada', role: 'member' }, OWNER);
      const { code } = await people.senders.newCode('telegram', ada.id, OWNER);
      expect(people.senders.personOf('telegram', '42')).toBeUndefined();
      expect(await people.senders.pair('telegram', '42', `/start ${code.toLowerCase()} `)).toEqual({
        kind: 'paired',
        person: ada.id,
      });
      expect(people.senders.personOf('telegram', '42')).toBe(ada.id);
      expect(people.senders.personOf('slack', '42')).toBeUndefined();
      expect(await people.senders.pair('telegram', '43', code)).toEqual({ kind: 'wrong' });
      expect((await createPeople(deps())).senders.personOf('telegram', '42')).toBe(ada.id);
    });

    it('lets one of two that send the same code at the same time in', async () => {
      const { code } = await people.senders.newCode('telegram', 'owner', OWNER);
      const outcomes = await Promise.all(
        ['1', '2', '3'].map((address) => people.senders.pair('telegram', address, code)),
      );
      expect(outcomes.filter(({ kind }) => kind === 'paired')).toHaveLength(1);
    });

    it('ends with its time, with a newer code, and is of one channel', async () => {
      const old = await people.senders.newCode('telegram', 'owner', OWNER);
      const newer = await people.senders.newCode('telegram', 'owner', OWNER);
      expect((await people.senders.pair('telegram', '1', old.code)).kind).toBe('wrong');
      expect((await people.senders.pair('slack', '1', newer.code)).kind).toBe('wrong');
      ahead = CODE_LIFETIME_MS + 1;
      expect((await people.senders.pair('telegram', '2', newer.code)).kind).toBe('wrong');
      expect((await people.senders.pair('telegram', '2', 'hello there')).kind).toBe('no-code');
    });

    it('is not guessed: not by one address, and not by many together', async () => {
      const { code } = await people.senders.newCode('telegram', 'owner', OWNER);
      const wrong = 'AAAAA-AAAAA';
      for (let n = 0; n < 5; n += 1) expect((await people.senders.pair('telegram', '1', wrong)).kind).toBe('wrong');
      expect((await people.senders.pair('telegram', '1', code)).kind).toBe('limited');
      for (let n = 2; n < 17; n += 1) await people.senders.pair('telegram', String(n), wrong);
      expect((await people.senders.pair('telegram', '99', code)).kind).toBe('limited');
      ahead = CODE_LIFETIME_MS / 2;
      expect(await actions()).toContain('pairing.voided');
      const rows = await store.read({ sql: 'SELECT * FROM pairings', parameters: [] });
      expect(JSON.stringify(rows)).not.toContain(code.replace('-', ''));
      expect(rows).toEqual([]);
    });
  });

  describe('keys', () => {
    const make = (key: Parameters<ReturnType<typeof createAccess>['createKey']>[0]) =>
      createAccess(deps()).createKey(key, 'owner', OWNER);

    it('are stored as hashes, end with their time and say when they were used', async () => {
      const access = createAccess(deps());
      const made = await make({ name: 'ci', actions: ['read'], agents: ['dev-*'], lifetimeMs: 60_000 });
      const file = JSON.stringify(await store.read({ sql: 'SELECT * FROM api_tokens', parameters: [] }));
      expect(file).not.toContain(made.key);
      const bearer = await access.bearer(made.key, '127.0.0.1');
      expect(bearer).toMatchObject({ kind: 'token', key: { name: 'ci', actions: ['read'], agents: ['dev-*'] } });
      expect((await access.keys(undefined))[0]?.lastUsedAt).not.toBeNull();
      ahead = 60_001;
      expect(await access.bearer(made.key, '127.0.0.1')).toEqual({ kind: 'refused' });
      expect(await access.keys(undefined)).toEqual([]);
    });

    it('are revoked by whoever they belong to, and by nobody else below an admin', async () => {
      const access = createAccess(deps());
      const made = await make({ name: 'ci', actions: ['read'], lifetimeMs: 60_000 });
      await expect(access.revokeKey(made.id, 'usr_1', OWNER)).rejects.toMatchObject({ code: 'not-found' });
      await access.revokeKey(made.id, 'owner', OWNER);
      expect(await access.bearer(made.key, '127.0.0.1')).toEqual({ kind: 'refused' });
      expect(await actions()).toEqual(['key.made', 'key.revoked', 'key.refused']);
    });
  });
});
