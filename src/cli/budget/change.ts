import { BUDGET_DIMENSIONS, type BudgetDimension, type BudgetWindow } from '../../protocol/budget.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { Arguments } from '../arguments.ts';
import type { VaultOwner } from '../vault-owner.ts';
import { readAmount } from './amount.ts';
import type { ScopeArgument } from './scope.ts';

const FLAGS: readonly (readonly [string, BudgetWindow])[] = [
  ['daily', 'day'],
  ['monthly', 'month'],
  ['total', 'total'],
];
const SHORT: Readonly<Record<string, BudgetDimension>> = {
  bytes: 'egressBytes',
  traffic: 'egressBytes',
  time: 'wallMs',
};

/** Does what the flags say. All of them are read before anything is changed. */
export async function changeBudget(
  vault: Pick<VaultOwner, 'putLimit' | 'removeLimit' | 'putAgentTeam'>,
  scope: ScopeArgument,
  args: Pick<Arguments, 'has' | 'text'>,
): Promise<void> {
  const dimension = dimensionOf(args.text('of'));
  const changes = FLAGS.filter(([flag]) => args.has(flag)).map(([flag, window]) => {
    const text = args.text(flag) ?? '';
    const ref = { ...scope, dimension, window };
    if (text === 'default') return () => vault.removeLimit(ref);
    // A cap is lifted on the word alone, never by a typing mistake.
    const cap = text === 'none' ? null : readAmount(dimension, text, flag);
    return () => vault.putLimit({ ...ref, cap });
  });
  const team = args.text('team');
  if (team !== undefined) {
    if (scope.kind !== 'agent' || scope.id === '*')
      throw new HoldfastError('bad-request', '--team needs an agent', { remedy: 'holdfast budget AGENT --team NAME' });
    changes.push(() => vault.putAgentTeam(scope.id, team === 'none' ? null : team));
  }
  for (const change of changes) await change();
}

function dimensionOf(text: string | undefined): BudgetDimension {
  const dimension = text === undefined ? 'usd' : (SHORT[text] ?? BUDGET_DIMENSIONS.find((known) => known === text));
  if (dimension !== undefined) return dimension;
  throw new HoldfastError('bad-request', `--of is "${text}"`, { remedy: 'Give usd, tokens, calls, traffic or time.' });
}
