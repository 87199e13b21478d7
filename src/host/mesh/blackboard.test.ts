import { describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../base/clock.ts';
import { type Label, SYSTEM_LABEL } from '../../protocol/label.ts';
import { createScriptedModel } from '../../testing/scripted-model.ts';
import { createTestCore } from '../../testing/test-core.ts';
import { labelStoreConformance } from '../labels/label-store.conformance.ts';
import { labels } from '../labels/stored-label.ts';

function movable(): Clock & { move(ms: number): void } {
  let ahead = 0;
  return {
    now: () => Date.now() + ahead,
    sleep: systemClock.sleep,
    move: (ms) => {
      ahead += ms;
    },
  };
}

const world = (clock?: Clock) =>
  createTestCore({ model: createScriptedModel(() => 'ok'), ...(clock === undefined ? {} : { clock }) });

const entry = (key: string, value: number, more: object = {}) => ({
  key,
  value,
  by: 'ada',
  label: SYSTEM_LABEL,
  ...more,
});

describe('the blackboard', () => {
  it('counts versions and keeps every one', async () => {
    await using made = await world();
    const { blackboard } = made.core.mesh;
    expect((await blackboard.write(entry('teams/a/x', 1))).version).toBe(1);
    expect(await blackboard.write(entry('teams/a/x', 2, { by: 'bob' }))).toMatchObject({
      version: 2,
      written_by: 'bob',
    });
    expect(await blackboard.history('teams/a/x', 10)).toMatchObject([
      { version: 1, value: '1', by_agent: 'ada', act: 'write' },
      { version: 2, value: '2', by_agent: 'bob', act: 'write' },
    ]);
  });

  it('lets exactly one of many writers of the same version through', async () => {
    await using made = await world();
    const { blackboard } = made.core.mesh;
    await blackboard.write(entry('teams/a/x', 0));
    const tries = Array.from({ length: 20 }, (_, n) => blackboard.write(entry('teams/a/x', n, { expectedVersion: 1 })));
    const settled = await Promise.allSettled(tries);
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const one of settled) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'conflict' });
    expect((await blackboard.read('teams/a/x'))?.version).toBe(2);
  });

  it('never lets a missing key be claimed, and a new one only once', async () => {
    await using made = await world();
    const { blackboard } = made.core.mesh;
    await expect(blackboard.write(entry('teams/a/x', 1, { expectedVersion: 1 }))).rejects.toMatchObject({
      code: 'conflict',
    });
    await blackboard.write(entry('teams/a/x', 1, { expectedVersion: 0 }));
    await expect(blackboard.write(entry('teams/a/x', 2, { expectedVersion: 0 }))).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('has version 1 by ada'),
    });
  });

  it('hides what has expired from every reader, and clears it away later', async () => {
    const clock = movable();
    await using made = await world(clock);
    const { blackboard } = made.core.mesh;
    await blackboard.write(entry('teams/a/x', 1, { ttlSeconds: 60 }));
    await blackboard.write(entry('teams/a/history/x', 1, { ttlSeconds: 60 }));
    clock.move(61_000);
    expect(await blackboard.read('teams/a/x')).toBeUndefined();
    expect((await blackboard.list('teams/a/', 10)).map(({ key }) => key)).toEqual(['teams/a/history/x']);
    expect((await blackboard.write(entry('teams/a/x', 2, { expectedVersion: 0, ttlSeconds: 1 }))).version).toBe(1);
    clock.move(2_000);
    expect(await blackboard.collect()).toBe(1);
    expect(await blackboard.read('teams/a/history/x')).toBeDefined();
  });

  it('writes history once: neither again nor away', async () => {
    await using made = await world();
    const { blackboard } = made.core.mesh;
    await blackboard.write(entry('teams/a/history/1', 1));
    await expect(blackboard.write(entry('teams/a/history/1', 2))).rejects.toMatchObject({ code: 'conflict' });
    await expect(blackboard.write(entry('teams/a/history/1', 2, { expectedVersion: 1 }))).rejects.toThrow('stays');
    await expect(blackboard.remove('teams/a/history/1', 'ada')).rejects.toThrow('stays');
    expect((await blackboard.read('teams/a/history/1'))?.value).toBe('1');
  });

  it('takes a prefix by the letter', async () => {
    await using made = await world();
    const { blackboard } = made.core.mesh;
    for (const key of ['teams/a_b/x', 'teams/axb/x', 'teams/a%b/x']) await blackboard.write(entry(key, 1));
    expect((await blackboard.list('teams/a_b/', 10)).map(({ key }) => key)).toEqual(['teams/a_b/x']);
  });

  it('refuses a value that is too large, with what to do', async () => {
    await using made = await world();
    const big = { ...entry('teams/a/x', 0), value: 'x'.repeat(262_144) };
    await expect(made.core.mesh.blackboard.write(big)).rejects.toMatchObject({
      code: 'too-large',
      remedy: expect.stringContaining('artifact'),
    });
  });
});

labelStoreConformance('the blackboard', async () => {
  const made = await world();
  const { blackboard } = made.core.mesh;
  return {
    write: async (key: string, text: string, label: Label) =>
      void (await blackboard.write({ key, value: text, by: 'ada', label })),
    async read(key: string) {
      const row = await blackboard.read(key);
      return { text: row?.value ?? '', label: labels.rejoin(row?.label) };
    },
    loseLabel: async (key: string) =>
      void (await made.store.write([{ sql: `UPDATE blackboard SET label = '' WHERE key = '${key}'`, parameters: [] }])),
    [Symbol.asyncDispose]: () => made[Symbol.asyncDispose](),
  };
});
