import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HoldfastError } from '../../protocol/error.ts';
import { openVaultDatabase } from '../store/database.ts';
import { createBudgets } from './budgets.ts';
import { Ledger, type NewCall } from './ledger.ts';
import { Spending } from './spending.ts';

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

function openLedger(): Ledger {
  const budgets = createBudgets(database);
  return new Ledger({
    database,
    path,
    budgets,
    spending: new Spending(),
    now: Date.now,
    onWriteError: (error) => failures.push(error),
  });
}

const call = (callId: string, run: string | null = null): NewCall => ({
  callId,
  agent: 'tester',
  run,
  provider: 'p',
  model: 'm',
  reservedNano: 1_000_000,
});

describe('the ledger', () => {
  it('settles a call once, whatever is said of it later', async () => {
    const ledger = openLedger();
    const open = await ledger.reserve(call('a'));
    open.finish({ state: 'settled', costNano: 7, usage: { inputTokens: 1, outputTokens: 1 } });
    open.finish({ state: 'estimated' });
    open.finish({ state: 'released' });
    expect(ledger.find('a')).toMatchObject({ state: 'settled', costUsd: 7e-9 });
    expect(ledger.spent('tester')).toMatchObject({ todayNano: 7, reservedNano: 0, callsToday: 1 });
  });

  it('counts nothing for a call that could not be written for lack of space, and goes on when there is some', async () => {
    const ledger = openLedger();
    const before = await ledger.reserve(call('before'));
    const { page_count: pages } = database.prepare('PRAGMA page_count').get() ?? {};
    database.exec(`PRAGMA max_page_count = ${Number(pages)}`);
    const big = 'x'.repeat(100_000);
    const results = await Promise.allSettled([ledger.reserve(call('big1', big)), ledger.reserve(call('big2', big))]);
    for (const result of results)
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'storage.full' } });
    expect(ledger.spent('tester')).toMatchObject({ reservedNano: 1_000_000, callsToday: 1 });
    database.exec('PRAGMA max_page_count = 1000000');
    const after = await ledger.reserve(call('big1', big));
    for (const open of [before, after]) open.finish({ state: 'released' });
    expect(ledger.find('big1')).toMatchObject({ state: 'released', costUsd: 0 });
    expect(failures).toEqual([]);
  });

  it('keeps what a dead process left reserved charged, and counts the month anew', async () => {
    const ledger = openLedger();
    const done = await ledger.reserve(call('done'));
    await ledger.reserve(call('left'));
    done.finish({ state: 'settled', costNano: 5, usage: { inputTokens: 1, outputTokens: 1 } });
    ledger.flush();
    const next = openLedger();
    expect(next.find('left')).toMatchObject({ state: 'estimated', costUsd: 0.001 });
    expect(next.spent('tester')).toMatchObject({
      todayNano: 1_000_005,
      monthNano: 1_000_005,
      reservedNano: 0,
      callsToday: 2,
    });
    await expect(next.reserve(call('left'))).rejects.toMatchObject({ code: 'conflict' });
  });

  it('lets the neighbours of a repeated id commit', async () => {
    const ledger = openLedger();
    await ledger.reserve(call('x'));
    const results = await Promise.allSettled(['y', 'x', 'z'].map((id) => ledger.reserve(call(id))));
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(ledger.spent('tester')).toMatchObject({ reservedNano: 3_000_000, callsToday: 3 });
  });
});
