import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Home, homeAt, prepareHome } from '../../base/home.ts';
import { silentLogger } from '../../base/logger.ts';
import { createVaultOwner, type VaultOwner } from '../../cli/vault-owner.ts';
import type { BudgetDimension, BudgetScopeKind } from '../../protocol/budget.ts';
import { HoldfastConfig } from '../../protocol/config.ts';
import type { EventOf, JournalEventType } from '../../protocol/event.ts';
import { createSimulator, type Simulator } from '../../simulator/simulator.ts';
import { eventually } from '../../testing/upstream.ts';
import { createVault, type Vault } from '../../vault/vault.ts';
import { createHost, type Host } from '../host.ts';

/** Runs at a cap: they wait in the open, over restarts of host and vault, and go on when the owner raises the cap. */
let root: string;
let home: Home;
let simulator: Simulator;
let vault: Vault;
let owner: VaultOwner;
let host: Host;

const OWNER = { id: 'owner', surface: 'cli' } as const;
const startVault = () =>
  createVault({ home, key: { kind: 'none' }, tcpPort: undefined, confinement: [], pid: 1, logger: silentLogger });
const startHost = (config: object = {}) =>
  createHost({ home, config: HoldfastConfig.parse({ server: { port: 0 }, ...config }), pid: 1, log: silentLogger });

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hf-run-budget-'));
  home = homeAt(root);
  await prepareHome(home);
  simulator = await createSimulator({ scenarios: [{ name: 'guide', rules: [{ answer: { text: 'Done.' } }] }] });
  vault = await startVault();
  owner = createVaultOwner({ socketPath: home.vaultOwnerSocket });
  await owner.putProvider('simulator', {
    wire: 'openai-chat',
    baseUrl: `${simulator.url}/v1`,
    simulator: true,
    prices: { '*': { input: 0, output: 10 } },
    contextWindows: { '*': 100_000 },
  });
  host = await startHost();
});

afterEach(async () => {
  await host[Symbol.asyncDispose]();
  await vault[Symbol.asyncDispose]();
  await simulator[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

const cap = (kind: BudgetScopeKind, id: string, dimension: BudgetDimension, amount: number | null) =>
  owner.putLimit({ kind, id, dimension, window: 'total', cap: amount });
const send = (text: string) => host.control.send('operator', { text }, OWNER);
const runOf = async (messageId: string) => {
  const { runId } = await host.control.message(messageId);
  return await host.control.run(runId ?? '');
};
const waiting = (messageId: string) =>
  eventually(async () => {
    const run = await runOf(messageId);
    return run.state === 'waiting' ? run : undefined;
  }, 15_000);
const ended = (messageId: string) =>
  eventually(async () => {
    const message = await host.control.message(messageId);
    return message.finishedAt === null ? undefined : message;
  }, 20_000);
const eventsOf = async <T extends JournalEventType>(runId: string, type: T): Promise<EventOf<T>[]> =>
  (await host.core.journal.read({ runId })).flatMap(({ event }) => (event.type === type ? [event as EventOf<T>] : []));

describe('a run at a cap', () => {
  it('waits, says for what, and goes on when the cap is raised', async () => {
    await cap('agent', 'operator', 'usd', 0.001);
    const { id } = await send('hello');
    const run = await waiting(id);
    expect(run.waitingFor).toContain('The total budget of operator is $0.0010');
    expect(run.waitingFor).toContain('holdfast budget operator --total');
    expect(simulator.requests).toHaveLength(0);
    const [event] = await eventsOf(run.id, 'run.waiting');
    expect(event).toMatchObject({ on: 'budget', budget: { kind: 'agent', id: 'operator', dimension: 'usd' } });
    await cap('agent', 'operator', 'usd', 5);
    expect(await ended(id)).toMatchObject({ state: 'answered' });
    // It asked the vault for room and not the model again and again.
    expect(await eventsOf(run.id, 'model.requested')).toHaveLength(2);
  });

  it('waits on over restarts of the host and of the vault, more often than a crashing run is taken up', async () => {
    await cap('org', 'org', 'calls', 0);
    const { id } = await send('hello');
    const first = await waiting(id);
    for (let restart = 0; restart < 5; restart += 1) {
      await host[Symbol.asyncDispose]();
      host = await startHost();
      await eventually(async () => ((await eventsOf(first.id, 'run.waiting')).length > restart + 1 ? true : undefined));
    }
    await vault[Symbol.asyncDispose]();
    vault = await startVault();
    await cap('org', 'org', 'calls', 100);
    expect(await ended(id)).toMatchObject({ state: 'answered' });
  }, 60_000);

  it('can be cancelled while it waits', async () => {
    await cap('run', '*', 'tokens', 1);
    const { id } = await send('hello');
    const run = await waiting(id);
    await host.control.cancelRun(run.id, OWNER);
    expect((await runOf(id)).state).toBe('cancelled');
    expect(simulator.requests).toHaveLength(0);
  });

  it('ends with the reason where the setting says stop', async () => {
    await host[Symbol.asyncDispose]();
    host = await startHost({ budgets: { atCap: 'stop' } });
    await cap('task', '*', 'usd', 0);
    const { id } = await send('hello');
    expect(await ended(id)).toMatchObject({ state: 'failed', error: { code: 'budget.exceeded' } });
  });

  it('is held to running time too, which grows and never shrinks', async () => {
    await cap('agent', 'operator', 'wallMs', 500);
    const { id } = await send('hello');
    const run = await waiting(id);
    expect(run.waitingFor).toContain('budget of running time of operator is 0.5 s');
    await cap('agent', 'operator', 'wallMs', 60_000);
    expect(await ended(id)).toMatchObject({ state: 'answered' });
    const view = await host.control.run(run.id);
    expect(view.state).toBe('done');
    const { scopes } = await owner.spending();
    const time = scopes.find(({ kind }) => kind === 'agent')?.dimensions.find((one) => one.dimension === 'wallMs');
    expect(time?.total).toBeGreaterThanOrEqual(1_000);
  });
});

describe('warnings', () => {
  it('reach the chat of the run and the status, once each, also after a restart', async () => {
    await cap('org', 'org', 'calls', 2);
    const { id, sessionId } = await send('hello');
    await ended(id);
    const warned = async () =>
      (await host.core.journal.read({ sessionId })).flatMap(({ event }) =>
        event.type === 'budget.warned' ? [event] : [],
      );
    const [first] = await eventually(async () => {
      const found = await warned();
      return found.length > 0 ? found : undefined;
    }, 10_000);
    expect(first).toMatchObject({ kind: 'org', percent: 50, dimension: 'calls', cap: 2, spent: 1 });
    expect(first?.text).toBe(
      '50% of the total budget of model calls of the whole installation is used: 1 call of 2 calls.',
    );
    expect((await host.control.status()).budgetWarnings).toEqual([first?.text]);
    await host[Symbol.asyncDispose]();
    host = await startHost();
    const again = await send('hello');
    await ended(again.id);
    const second = await eventually(async () => {
      const found = await host.core.journal.read({ sessionId: again.sessionId });
      const texts = found.flatMap(({ event }) => (event.type === 'budget.warned' ? [event.percent] : []));
      return texts.includes(100) ? texts : undefined;
    }, 10_000);
    expect(second.filter((percent) => percent === 100)).toHaveLength(1);
    expect((await warned()).filter(({ percent }) => percent === 50)).toHaveLength(1);
    expect((await host.control.status()).budgetWarnings).toHaveLength(1);
  });
});
