import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HoldfastError } from '../../protocol/error.ts';
import { type Budgets, createBudgets } from '../budgets/budgets.ts';
import { openVaultDatabase } from '../store/database.ts';
import { createMeta } from '../store/meta.ts';
import { Ledger, type NewCall } from './ledger.ts';

let directory: string;
let path: string;
let database: DatabaseSync;
let failures: HoldfastError[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hf-ledger-'));
  path = join(directory, 'vault.db');
  database = openVaultDatabase(path);
  failures = [];
});
afterEach(async () => {
  database.close();
  await rm(directory, { recursive: true, force: true });
});

interface Open {
  readonly ledger: Ledger;
  readonly budgets: Budgets;
  spent(): { today: number; month: number; reserved: number; calls: number };
}

const opened: Budgets[] = [];
afterEach(() => {
  for (const budgets of opened.splice(0)) budgets[Symbol.dispose]();
});

function openLedger(): Open {
  const onWriteError = (error: HoldfastError): unknown => failures.push(error);
  const budgets = createBudgets({ database, path, meta: createMeta(database), now: Date.now, onWriteError });
  opened.push(budgets);
  return {
    ledger: new Ledger({ database, budgets, now: Date.now }),
    budgets,
    spent: () => {
      const counter = budgets.spending.counterOf({ kind: 'agent', id: 'tester' });
      const [today, month, calls] = [counter.used(0, 0), counter.used(0, 1), counter.used(2, 0)];
      return { today, month, reserved: counter.reserved(0), calls };
    },
  };
}

const call = (callId: string, run: string | null = null): NewCall => ({
  callId,
  payer: { agent: 'tester', team: null, run, task: null },
  provider: 'p',
  model: 'm',
  reserved: { nano: 1_000_000, tokens: 50 },
});

describe('the ledger', () => {
  it('settles a call once, whatever is said of it later', async () => {
    const { ledger, spent } = openLedger();
    const open = await ledger.reserve(call('a'));
    open.finish({ state: 'settled', costNano: 7, usage: { inputTokens: 1, outputTokens: 1 } });
    open.finish({ state: 'estimated' });
    open.finish({ state: 'released' });
    expect(ledger.find('a')).toMatchObject({ state: 'settled', costUsd: 7e-9 });
    expect(spent()).toMatchObject({ today: 7, reserved: 0, calls: 1 });
  });

  it('counts nothing for a call that could not be written for lack of space, and goes on when there is some', async () => {
    const { ledger, spent } = openLedger();
    const before = await ledger.reserve(call('before'));
    const { page_count: pages } = database.prepare('PRAGMA page_count').get() ?? {};
    database.exec(`PRAGMA max_page_count = ${Number(pages)}`);
    const big = 'x'.repeat(100_000);
    const results = await Promise.allSettled([ledger.reserve(call('big1', big)), ledger.reserve(call('big2', big))]);
    for (const result of results)
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'storage.full' } });
    expect(spent()).toMatchObject({ reserved: 1_000_000, calls: 1 });
    database.exec('PRAGMA max_page_count = 1000000');
    const after = await ledger.reserve(call('big1', big));
    for (const open of [before, after]) open.finish({ state: 'released' });
    expect(ledger.find('big1')).toMatchObject({ state: 'released', costUsd: 0 });
    expect(failures).toEqual([]);
  });

  it('keeps what a dead process left reserved charged, and counts the month anew', async () => {
    const { ledger, budgets } = openLedger();
    const done = await ledger.reserve(call('done'));
    await ledger.reserve(call('left'));
    done.finish({ state: 'settled', costNano: 5, usage: { inputTokens: 1, outputTokens: 1 } });
    budgets.writer.flush();
    const { ledger: next, spent } = openLedger();
    expect(next.find('left')).toMatchObject({ state: 'estimated', costUsd: 0.001 });
    expect(spent()).toMatchObject({
      today: 1_000_005,
      month: 1_000_005,
      reserved: 0,
      calls: 2,
    });
    await expect(next.reserve(call('left'))).rejects.toMatchObject({ code: 'conflict' });
  });

  it('lets the neighbours of a repeated id commit', async () => {
    const { ledger, spent } = openLedger();
    await ledger.reserve(call('x'));
    const results = await Promise.allSettled(['y', 'x', 'z'].map((id) => ledger.reserve(call(id))));
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(spent()).toMatchObject({ reserved: 3_000_000, calls: 3 });
  });
});
