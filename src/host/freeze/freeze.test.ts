import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { FreezeView } from '../../protocol/freeze.ts';
import type { Store } from '../../storage/store.ts';
import { createScriptedModel } from '../../testing/scripted-model.ts';
import { createTestCore } from '../../testing/test-core.ts';
import { createChatWord } from './chat-word.ts';
import { createFreeze, type FreezableVault, type Freeze } from './freeze.ts';
import { createStopRuns } from './stop-runs.ts';

/** The vault's part of the switch as the host sees it: a list, and whether it answers. */
function createVaultSide() {
  const frozen = new Map<string, FreezeView>();
  const side = {
    up: true,
    frozen,
    client: {
      freeze: async ({ agent, reason }) => {
        mustBeUp();
        if (!frozen.has(agent)) frozen.set(agent, { agent, reason, source: 'host', at: 1 });
      },
      frozen: async () => {
        mustBeUp();
        return [...frozen.values()];
      },
    } satisfies FreezableVault,
  };
  const mustBeUp = (): void => {
    if (!side.up) throw new HoldfastError('vault.unreachable', 'The vault is down.', { retryable: true });
  };
  return side;
}

async function start(
  options: { home?: string; vault?: ReturnType<typeof createVaultSide>; wrapStore?: (store: Store) => Store } = {},
) {
  const calls: string[] = [];
  const model = createScriptedModel((request) => {
    calls.push(request.agentId);
    return 'hello';
  });
  const home = options.home ?? (await mkdtemp(join(tmpdir(), 'holdfast-freeze-')));
  const world = await createTestCore({ model, home, ...(options.wrapStore ? { wrapStore: options.wrapStore } : {}) });
  const vault = options.vault ?? createVaultSide();
  const { core } = world;
  const freeze: Freeze = createFreeze({
    store: world.store,
    sql: core.sql,
    journal: core.journal,
    frozen: core.frozen,
    vault: vault.client,
    stopRuns: createStopRuns({
      manager: core.manager,
      runs: core.runs,
      sandboxes: { stop: async () => {} },
      log: silentLogger,
    }),
    clock: systemClock,
    log: silentLogger,
  });
  const say = async (text: string) => {
    const session = await core.sessions.active({ agentId: 'operator', channel: 'local', chatId: 'owner' });
    const envelope = { channel: 'local', platformMessageId: undefined, session, principal: 'owner', text };
    const { message } = await core.inbox.receive(envelope);
    core.lanes.add(session.id, message.run_id);
    return message;
  };
  const dispose = async (): Promise<void> => {
    await world[Symbol.asyncDispose]();
    if (options.home === undefined) await rm(home, { recursive: true, force: true });
  };
  return { core, freeze, vault, calls, say, home, store: world.store, [Symbol.asyncDispose]: dispose };
}

const PULL = { scope: '*', reason: 'test', actor: 'owner', surface: 'cli' };
const settled = (test: Awaited<ReturnType<typeof start>>, runId: string) =>
  test.core.manager.settled(runId, AbortSignal.timeout(10_000));

describe('a freeze', () => {
  it('lets nothing be executed, keeps what comes, and goes on with it when the vault is told so', async () => {
    await using test = await start();
    expect(await test.freeze.freeze(PULL)).toMatchObject({ vault: true, runs: 0 });
    const message = await test.say('hi');
    await test.freeze.look();
    expect(test.calls).toEqual([]);
    expect((await test.core.runs.get(message.run_id)).state).toBe('queued');
    test.vault.frozen.clear();
    await test.freeze.look({ actor: 'owner', surface: 'web' });
    expect((await settled(test, message.run_id)).state).toBe('done');
    const told = (await test.core.journal.read({})).flatMap(({ event }) =>
      event.type === 'freeze.changed' ? [[event.frozen, event.by, event.surface]] : [],
    );
    expect(told).toEqual([
      [true, 'owner', 'cli'],
      [false, 'owner', 'web'],
    ]);
  });

  it('holds without the vault, which is told again until it has heard it', async () => {
    await using test = await start();
    test.vault.up = false;
    expect(await test.freeze.freeze(PULL)).toMatchObject({ vault: false });
    await test.say('hi');
    await expect(test.freeze.look()).rejects.toMatchObject({ code: 'vault.unreachable' });
    test.vault.up = true;
    await test.freeze.look();
    expect([...test.vault.frozen.keys()]).toEqual(['*']);
    expect(test.calls).toEqual([]);
  });

  it('begins when the vault froze an agent by itself, as it does when a canary comes by', async () => {
    await using test = await start();
    test.vault.frozen.set('operator', { agent: 'operator', reason: 'a canary came by', source: 'canary', at: 5 });
    const heard: unknown[] = [];
    using _listening = test.freeze.onChange((scope, is) => heard.push([scope, is]));
    await test.freeze.look();
    expect(test.core.frozen.of('operator')).toMatchObject({ actor: 'canary', reason: 'a canary came by' });
    expect(test.core.frozen.of('other')).toBeUndefined();
    expect(heard).toEqual([['operator', true]]);
  });

  it('is there in the next life of the host before anything is executed, also when that vault forgot it', async () => {
    const home = await mkdtemp(join(tmpdir(), 'holdfast-freeze-'));
    const vault = createVaultSide();
    vault.up = false;
    {
      await using test = await start({ home, vault });
      await test.freeze.freeze(PULL);
      await test.say('hi');
    }
    await using test = await start({ home, vault });
    await test.freeze.open();
    await test.core.recover();
    vault.up = true;
    await test.freeze.look();
    expect(test.calls).toEqual([]);
    expect([...vault.frozen.keys()]).toEqual(['*']);
    await rm(home, { recursive: true, force: true });
  });

  it('does not wait for a database that cannot be written, and is written down later', async () => {
    let broken = false;
    const wrapStore = (store: Store): Store => ({
      dialect: store.dialect,
      read: (statement) => store.read(statement),
      write: async (unit) => {
        if (broken) throw new HoldfastError('storage.full', 'No space left.', { retryable: true });
        return await store.write(unit);
      },
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    });
    await using test = await start({ wrapStore });
    broken = true;
    expect(await test.freeze.freeze(PULL)).toMatchObject({ vault: true });
    expect(test.core.frozen.of('operator')).toBeDefined();
    broken = false;
    await test.freeze.look();
    expect(await test.store.read({ sql: 'SELECT scope, in_vault FROM freezes', parameters: [] })).toMatchObject([
      { scope: '*', in_vault: 1 },
    ]);
  });

  it('can be called off for one run: it is ended and not executed', async () => {
    await using test = await start();
    await test.freeze.freeze(PULL);
    const message = await test.say('hi');
    await test.core.manager.cancel(message.run_id, 'no longer wanted');
    expect((await test.core.runs.get(message.run_id)).state).toBe('cancelled');
    expect(test.calls).toEqual([]);
  });
});

describe('the word in a chat', () => {
  const person = { id: 'owner', surface: 'web' };

  it('counts only as a whole message, from somebody who may', async () => {
    await using test = await start();
    const word = createChatWord({ freeze: test.freeze, word: '/freeze', mayFreeze: async ({ id }) => id === 'owner' });
    for (const text of ['freeze', '/freeze now please', 'say /freeze', '/freezer', '/freeze\n/freeze'])
      expect(await word.answer(text, person)).toBeUndefined();
    expect(await word.answer('/freeze', { id: 'usr_1', surface: 'web' })).toBeUndefined();
    expect(test.core.frozen.all()).toEqual([]);
    expect(await word.answer('/freeze operator', person)).toContain('operator is frozen');
    expect(await word.answer(' /freeze\n', person)).toContain('Everything is frozen');
    expect(test.core.frozen.all().map((one) => one.scope)).toEqual(['operator', '*']);
  });
});
