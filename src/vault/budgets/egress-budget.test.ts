import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openVaultDatabase } from '../store/database.ts';
import { createMeta } from '../store/meta.ts';
import { type Budgets, createBudgets } from './budgets.ts';

let directory: string;
let database: DatabaseSync;
let budgets: Budgets;
const now = Date.UTC(2026, 10, 21, 12);

const open = (): Budgets => {
  const onWriteError = (error: Error): never => {
    throw error;
  };
  const path = join(directory, 'vault.db');
  return createBudgets({ database, path, meta: createMeta(database), now: () => now, onWriteError });
};

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hf-egress-budget-'));
  database = openVaultDatabase(join(directory, 'vault.db'));
  budgets = open();
});
afterEach(() => {
  budgets[Symbol.dispose]();
  budgets.writer.flush();
  database.close();
  rmSync(directory, { recursive: true, force: true });
});

const used = (of: Budgets = budgets): number => of.spending.counterOf({ kind: 'agent', id: 'a' }).used(3, 2);
const cap = (bytes: number): void =>
  budgets.limits.put({ kind: 'agent', id: 'a', dimension: 'egressBytes', window: 'total', cap: bytes });
const take = (bytes: number, run = 'r'): string | undefined => budgets.egressMeter.onBytes({ agent: 'a', run, bytes });

describe('traffic', () => {
  it('goes up to the cap to the byte, then no further', () => {
    cap(1_000_000);
    let through = 0;
    while (take(1_000) === undefined) through += 1_000;
    expect(through).toBe(1_000_000);
    expect(take(0)).toContain('budget of network traffic of a is 1 MB');
    cap(1_500_000);
    expect(take(0)).toBeUndefined();
  });

  it('of many runs together passes no cap', () => {
    cap(2_000_000);
    let through = 0;
    for (let index = 0; index < 3_000; index += 1) if (take(1_000, `r${index % 40}`) === undefined) through += 1_000;
    expect(through).toBeLessThanOrEqual(2_000_000);
    expect(through).toBeGreaterThan(0);
  });

  it('is charged before it goes, so that a vault that dies has charged at least what went', () => {
    let through = 0;
    for (let index = 0; index < 500; index += 1) {
      expect(take(3_000)).toBeUndefined();
      through += 3_000;
      // What a turn of the event loop commits.
      if (index % 7 === 0) budgets.writer.flush();
      const { amount } =
        database.prepare("SELECT total(amount) AS amount FROM charges WHERE dimension = 'egressBytes'").get() ?? {};
      expect(Number(amount) + 65_536).toBeGreaterThanOrEqual(through);
    }
    budgets.writer.flush();
    const next = open();
    expect(used(next)).toBeGreaterThanOrEqual(through);
    expect(used(next)).toBeLessThan(through + 2_097_152);
    next[Symbol.dispose]();
  });

  it('gives back what a connection did not use', () => {
    const allowance = budgets.egress.open({ agent: 'a', run: 'r' });
    expect(allowance.take(100)).toBe(true);
    expect(used()).toBe(65_536);
    allowance.close();
    allowance.close();
    expect(used()).toBe(100);
    budgets.writer.flush();
    const next = open();
    expect(used(next)).toBe(100);
    next[Symbol.dispose]();
  });
});
