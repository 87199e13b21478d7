import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { restorable } from '../../policy/undo.ts';
import type { JsonValue } from '../../protocol/json.ts';
import { testStores } from '../../testing/test-stores.ts';
import { createAuditSink } from '../audit/sink.ts';
import { createHostSql } from '../database.ts';
import { createChanges } from './changes.ts';

const OWNER = { id: 'owner', surface: 'web' };

async function world() {
  const home = await mkdtemp(join(tmpdir(), 'holdfast-changes-'));
  const store = await testStores().open(home);
  const sql = createHostSql(store.dialect);
  const time = { now: 1_000 };
  const clock = { ...systemClock, now: () => time.now };
  const changes = createChanges({ store, sql, clock, audit: createAuditSink({ store, sql, clock }) });
  const state = new Map<string, JsonValue>();
  const put = async (field: string, after: JsonValue): Promise<string> => {
    const before = state.get(field) ?? null;
    const made = changes.record({ targetKind: 'agent', target: 'scout', field, before, after, by: OWNER });
    await store.write([made.statement]);
    state.set(field, after);
    time.now += 1;
    return made.receipt.id;
  };
  changes.restoreBy('agent', async ({ field, value }) => void (await put(field, value)));
  return {
    changes,
    state,
    time,
    put,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await rm(home, { recursive: true, force: true });
    },
  };
}

describe('a change', () => {
  it.each([
    ['instructions', 300_000],
    ['heartbeat_schedule', 300_000],
    ['model', 1_800_000],
    ['permissions', 1_800_000],
    ['anything-new', 1_800_000],
  ])('of %s can be taken back for %d ms, once', async (field, ms) => {
    await using here = await world();
    await here.put(field, 'old');
    const receipt = await here.put(field, 'new');
    const late = await here.put(field, 'newest');
    here.time.now = 1_001 + ms - 1;
    await here.changes.undo(receipt, OWNER);
    expect(here.state.get(field)).toBe('old');
    await expect(here.changes.undo(receipt, OWNER)).rejects.toMatchObject({ code: 'not-found' });
    here.time.now += 60_000;
    await expect(here.changes.undo(late, OWNER)).rejects.toMatchObject({ code: 'not-found' });
    await expect(here.changes.undo('chg_nothing', OWNER)).rejects.toMatchObject({ code: 'not-found' });
  });

  it('is taken back once by two at the same time', async () => {
    await using here = await world();
    await here.put('role', 'old');
    const receipt = await here.put('role', 'new');
    const tried = await Promise.allSettled([here.changes.undo(receipt, OWNER), here.changes.undo(receipt, OWNER)]);
    expect(tried.map((one) => one.status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('keeps its receipt when it could not be put back', async () => {
    await using here = await world();
    const receipt = await here.put('role', 'new');
    here.changes.restoreBy('agent', async () => {
      throw new Error('not now');
    });
    await expect(here.changes.undo(receipt, OWNER)).rejects.toThrow('not now');
    expect((await here.changes.list(5))[0]).toMatchObject({ id: receipt, undoable: true, undoneBy: null });
  });

  it('of permissions brings nothing back that was taken away since', async () => {
    await using here = await world();
    await here.put('permissions', { can_message: ['ada', 'bob'], can_use_wallet: true });
    const narrowed = await here.put('permissions', { can_message: ['ada'], can_use_wallet: true });
    await here.put('permissions', { can_message: [], can_use_wallet: false });
    await here.changes.undo(narrowed, OWNER);
    // Its own change is taken back (bob), the revocations after it are not (ada, the wallet).
    expect(here.state.get('permissions')).toEqual({ can_message: ['bob'], can_use_wallet: false });
  });
});

describe('what an undo may bring back', () => {
  it.each([
    ['a list loses what was removed', { a: ['x', 'y'] }, { a: ['x'] }, { a: [] }, { a: ['y'] }],
    ['a switch that was turned off stays off', { a: true }, { a: true }, { a: false }, { a: false }],
    ['a limit that was lowered stays low', { a: 9 }, { a: 5 }, { a: 2 }, { a: 2 }],
    ['a limit that was raised does not matter', { a: 9 }, { a: 2 }, { a: 5 }, { a: 9 }],
    ['everything that became a list is that list', { a: null }, { a: null }, { a: ['x'] }, { a: ['x'] }],
    [
      'what was denied stays denied',
      { denied_tools: [] },
      { denied_tools: [] },
      { denied_tools: ['x'] },
      { denied_tools: ['x'] },
    ],
    ['folders are compared as a whole', { a: [{ p: 1 }] }, { a: [{ p: 1 }] }, { a: [] }, { a: [] }],
  ] as [string, JsonValue, JsonValue, JsonValue, JsonValue][])('%s', (_what, before, from, to, expected) => {
    expect(restorable(before, [{ before: from, after: to }])).toEqual(expected);
  });
});
