import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BUDGET_DIMENSIONS, BUDGET_WINDOWS, type BudgetLimit } from '../../protocol/budget.ts';
import { Ledger, type OpenCall } from '../model/ledger.ts';
import { openVaultDatabase } from '../store/database.ts';
import { createMeta } from '../store/meta.ts';
import { createBudgets } from './budgets.ts';
import type { Payer, Scope } from './payers.ts';

/**
 * Whatever happens in whatever order (calls admitted, settled below their reservation, aborted, released, caps changed,
 * traffic and time charged, days passing, the vault dying), no cap is passed by anything that was admitted under it, and a
 * vault that starts anew counts exactly what the one before counted.
 */
const START = Date.UTC(2026, 10, 20, 12);
const id = (name: string) => fc.integer({ min: 1, max: 3 }).map((n) => `${name}${n}`);

type Step =
  | { do: 'call'; agent: string; run: string | null; task: string | null; nano: number; tokens: number }
  | { do: 'finish'; which: number; how: 'settled' | 'estimated' | 'released'; part: number }
  | { do: 'traffic'; agent: string; run: string; bytes: number; keepOpen: boolean }
  | { do: 'time'; agent: string; run: string; addMs: number }
  | { do: 'wait'; ms: number }
  | { do: 'die' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('call' as const),
      agent: id('agent'),
      run: fc.option(id('run')),
      task: fc.option(id('task')),
      nano: fc.integer({ min: 0, max: 400 }),
      tokens: fc.integer({ min: 0, max: 400 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('finish' as const),
      which: fc.nat(),
      how: fc.constantFrom('settled' as const, 'estimated' as const, 'released' as const),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('traffic' as const),
      agent: id('agent'),
      run: id('run'),
      bytes: fc.integer({ min: 1, max: 300 }),
      keepOpen: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('time' as const),
      agent: id('agent'),
      run: id('run'),
      addMs: fc.integer({ min: 1, max: 200 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 90_000_000 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'die' as const }) },
);

const limit: fc.Arbitrary<BudgetLimit> = fc
  .record({
    scope: fc.oneof(
      fc.constant({ kind: 'org' as const, id: 'org' }),
      ...(['team', 'agent', 'run', 'task'] as const).map((kind) =>
        fc.oneof(id(kind), fc.constant('*')).map((one) => ({ kind, id: one })),
      ),
    ),
    dimension: fc.constantFrom(...BUDGET_DIMENSIONS),
    window: fc.constantFrom(...BUDGET_WINDOWS),
    cap: fc.integer({ min: 0, max: 2_000 }),
  })
  .map(({ scope, dimension, window, cap }) => ({
    ...scope,
    dimension,
    window,
    cap: dimension === 'usd' ? cap / 1e9 : dimension === 'calls' ? Math.ceil(cap / 200) : cap,
  }));

const ALL: readonly Scope[] = [
  { kind: 'org', id: 'org' },
  ...(['team', 'agent', 'run', 'task'] as const).flatMap((kind) =>
    [1, 2, 3].map((n): Scope => ({ kind, id: `${kind}${n}` })),
  ),
];

async function play(limits: readonly BudgetLimit[], steps: readonly Step[]): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'hf-spending-'));
  const path = join(directory, 'vault.db');
  using stack = new DisposableStack();
  stack.defer(() => rmSync(directory, { recursive: true, force: true }));
  const database = stack.adopt(openVaultDatabase(path), (opened) => opened.close());
  {
    let now = START;
    const open = () => {
      const budgets = createBudgets({
        database,
        path,
        meta: createMeta(database),
        now: () => now,
        onWriteError: (error) => {
          throw error;
        },
      });
      return { budgets, ledger: new Ledger({ database, budgets, now: () => now }) };
    };
    let { budgets, ledger } = open();
    stack.defer(() => {
      budgets.writer.flush();
      budgets[Symbol.dispose]();
    });
    for (const [agent, team] of [
      ['agent1', 'team1'],
      ['agent2', 'team1'],
      ['agent3', 'team2'],
    ] as const)
      budgets.teams.put(agent, team);
    for (const one of limits) budgets.limits.put(one);
    let calls: { call: OpenCall; nano: number; tokens: number }[] = [];
    let seq = 0;

    const read = (): string =>
      JSON.stringify(
        ALL.map((scope) => {
          const counter = budgets.spending.counterOf(scope);
          return BUDGET_WINDOWS.map((_, w) => BUDGET_DIMENSIONS.map((__, d) => counter.used(d, w)));
        }),
      );
    const nothingIsPassed = (): void => {
      for (const scope of ALL) {
        const counter = budgets.spending.counterOf(scope);
        for (const { d, w, cap } of budgets.limits.of(scope)) {
          // Bytes that arrived although the cap was reached count, but went no further.
          if (d !== 3) expect(counter.used(d, w)).toBeLessThanOrEqual(cap);
        }
        for (let d = 0; d < 5; d += 1) expect(counter.reserved(d)).toBeGreaterThanOrEqual(0);
      }
    };
    const payer = (agent: string, run: string | null, task: string | null): Payer =>
      budgets.payers.of({ agent, run, task });

    for (const one of steps) {
      if (one.do === 'call') {
        seq += 1;
        const { nano, tokens } = one;
        const reserved = { nano, tokens };
        const request = {
          callId: `c${seq}`,
          payer: payer(one.agent, one.run, one.task),
          provider: 'p',
          model: 'm',
          reserved,
        };
        const call = await ledger.reserve(request).catch((error: unknown) => {
          expect(error).toMatchObject({ code: 'budget.exceeded' });
          return undefined;
        });
        if (call) calls.push({ call, nano, tokens });
      } else if (one.do === 'finish') {
        const [taken] = calls.splice(one.which % Math.max(1, calls.length), 1);
        if (!taken) continue;
        const outputTokens = Math.floor(taken.tokens * one.part);
        const usage = { inputTokens: 0, outputTokens };
        const costNano = Math.floor(taken.nano * one.part);
        taken.call.finish(one.how === 'settled' ? { state: 'settled', costNano, usage } : { state: one.how });
      } else if (one.do === 'traffic') {
        const allowance = budgets.egress.open({ agent: one.agent, run: one.run });
        allowance.take(one.bytes);
        if (!one.keepOpen) allowance.close();
      } else if (one.do === 'time') {
        seq += 1;
        budgets.wallTime.add(payer(one.agent, one.run, null), { addMs: one.addMs, id: `t${seq}`, used: false });
      } else if (one.do === 'wait') now += one.ms;
      else {
        // What is under way is charged whole, so a new life counts the same.
        budgets.writer.flush();
        const before = read();
        budgets[Symbol.dispose]();
        calls = [];
        ({ budgets, ledger } = open());
        expect(read()).toBe(before);
      }
      nothingIsPassed();
    }
  }
}

describe('budgets of all scopes', () => {
  it('hold in any order of events, and are counted the same after a death', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(limit, { maxLength: 8 }),
        fc.array(step, { minLength: 5, maxLength: 60 }),
        (limits, steps) => play(limits, steps),
      ),
      { numRuns: 60 },
    );
  }, 120_000);
});
