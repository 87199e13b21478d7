import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createVaultWorld, type VaultWorld } from '../../testing/vault-world.ts';
import { parseArguments } from '../arguments.ts';
import { budget } from '../commands/budget.ts';
import { changeBudget } from './change.ts';
import { readScope } from './scope.ts';
import { budgetLines } from './show.ts';

let world: VaultWorld;
beforeEach(async () => {
  world = await createVaultWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

/** As the command does it, on a vault of the test's. */
async function run(...words: string[]): Promise<string[]> {
  const args = parseArguments(words, budget.flags ?? []);
  const scope = readScope(args.words[0]);
  await changeBudget(world.owner, scope, args);
  return budgetLines(await world.owner.spending(), args.words[0] === undefined ? undefined : scope);
}
const limits = async () =>
  (await world.owner.spending()).limits.map(({ kind, id, dimension, window, cap }) =>
    [kind, id, dimension, window, cap].join(' '),
  );

describe('holdfast budget', () => {
  it('shows the built-in caps before anything was used', async () => {
    expect(await run()).toEqual([
      'Nothing used yet.',
      '',
      'Every agent without its own: $5.00 daily (money)',
      'Every agent without its own: $50.00 monthly (money)',
    ]);
  });

  it('sets caps of every scope and dimension, and takes them back', async () => {
    await run('operator', '--daily', '1.5');
    await run('org', '--monthly', '200');
    await run('team:research', '--total', '500k', '--of', 'tokens');
    await run('run:*', '--total', '2h', '--of', 'time');
    await run('task:t1', '--daily', '500MB', '--of', 'traffic');
    await run('--daily', 'none');
    expect(await limits()).toEqual(
      expect.arrayContaining([
        'agent operator usd day 1.5',
        'org org usd month 200',
        'team research tokens total 500000',
        'run * wallMs total 7200000',
        'task t1 egressBytes day 500000000',
        'agent * usd day ',
      ]),
    );
    const lines = await run('operator');
    expect(lines[1]).toMatch(/^operator\s+money\s+\$0\.00 of \$1\.50\s+\$0\.00 of \$50\.00\s+\$0\.00$/);
    await run('operator', '--daily', 'default');
    await run('--daily', 'default');
    expect(await limits()).toContain('agent * usd day 5');
    expect(await limits()).not.toContain('agent operator usd day 1.5');
  });

  it('puts an agent into a team', async () => {
    await run('operator', '--team', 'research', '--daily', '2');
    expect((await run('operator'))[1]).toContain('operator (team research)');
    await run('operator', '--team', 'none');
    expect((await run('operator'))[1]).not.toContain('team');
  });

  it.each([
    [['operator', '--daily', '-1'], '--daily is "-1"'],
    [['operator', '--daily', ''], '--daily is ""'],
    [['operator', '--daily', '5', '--monthly', 'lots'], '--monthly is "lots"'],
    [['operator', '--total', '90', '--of', 'time'], '--total is "90"'],
    [['operator', '--of', 'gold', '--daily', '1'], '--of is "gold"'],
    [['org:x', '--daily', '1'], 'is no scope'],
    [['squad:x', '--daily', '1'], 'is no scope'],
    [['org', '--team', 'research'], '--team needs an agent'],
  ])('refuses %j and changes nothing', async (words, message) => {
    const before = await limits();
    await expect(run(...words)).rejects.toThrow(message);
    expect(await limits()).toEqual(before);
  });
});
