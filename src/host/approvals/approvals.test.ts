import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { openSqliteStore } from '../../storage/sqlite/store.ts';
import type { Store } from '../../storage/store.ts';
import { createAuditSink } from '../audit/sink.ts';
import { createHostSql, hostMigrations } from '../database.ts';
import { createGrants } from '../grants/grants.ts';
import { createJournal } from '../journal/journal.ts';
import { createApprovals } from './approvals.ts';

/** A database at the other end of a network: what a read found reaches us only when the test lets it through. */
async function slowWorld() {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-approvals-'));
  const store = await openSqliteStore({ path: join(directory, 'host.db'), migrations: hostMigrations });
  const sql = createHostSql('sqlite');
  const gate = { open: Promise.resolve() };
  const slow: Store = {
    dialect: 'sqlite',
    async read(statement) {
      const rows = await store.read(statement);
      await gate.open;
      return rows;
    },
    write: (unit) => store.write(unit),
    [Symbol.asyncDispose]: async () => {},
  };
  const make = (on: Store) => {
    const journal = createJournal({ store: on, sql, clock: systemClock });
    const audit = createAuditSink({ store: on, sql, clock: systemClock });
    const grants = createGrants({ store: on, sql, clock: systemClock, audit });
    return createApprovals({ store: on, sql, journal, clock: systemClock, grants });
  };
  const approvals = make(slow);
  const row = { id: 'apr_1', run_id: 'run_1', agent_id: 'operator', session_id: null, call_id: 'c', args_hash: 'h' };
  await store.write([
    approvals.insert({ ...row, card: '{}', requested_at: Date.now(), expires_at: Date.now() + 60_000 }),
  ]);
  return {
    approvals,
    /** From now on reads wait until the function it gives back is called. */
    hold(): () => void {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate.open = promise;
      return () => {
        gate.open = Promise.resolve();
        resolve();
      };
    },
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}

it('hears an answer that comes while it still looks whether there is one', { timeout: 5_000 }, async () => {
  await using world = await slowWorld();
  const release = world.hold();
  const heard = world.approvals.decided('apr_1', new AbortController().signal);
  await new Promise(setImmediate);
  const letThrough = world.hold(); // The look above stays held; the answer's own reads wait for this one.
  letThrough();
  await world.approvals.decide('apr_1', 'allowed', { id: 'owner', surface: 'cli' });
  release();
  expect(await heard).toMatchObject({ approvalId: 'apr_1', outcome: 'allowed', by: 'owner' });
});

it('ends when the host stopped while it still looked', { timeout: 5_000 }, async () => {
  await using world = await slowWorld();
  const release = world.hold();
  const stop = new AbortController();
  const heard = world.approvals.decided('apr_1', stop.signal);
  stop.abort(new Error('the host stops'));
  release();
  await expect(heard).rejects.toThrow('the host stops');
});
