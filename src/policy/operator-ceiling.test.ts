import { describe, expect, it } from 'vitest';
import { NO_PERMISSIONS, Permissions } from '../protocol/permission.ts';
import { OPERATOR_PERMISSIONS } from './default-permissions.ts';
import { ceilingOf, judgeEdit, OPERATOR_CEILING } from './operator-ceiling.ts';

const own = OPERATOR_PERMISSIONS;
const edit = (after: Partial<Permissions>, before: Partial<Permissions> = {}) =>
  judgeEdit({ before: { ...NO_PERMISSIONS, ...before }, after: { ...NO_PERMISSIONS, ...after }, own });

/** The most that a field can grant, derived from the schema, so that a new field is tried too. */
const widest = (field: keyof Permissions): unknown => {
  const least = NO_PERMISSIONS[field];
  const candidates: readonly unknown[] = [true, ['*'], null, ['npm'], [{ path: '/srv', mode: 'rw' }], 9_999];
  return candidates.find(
    (value) =>
      JSON.stringify(value) !== JSON.stringify(least) &&
      Permissions.safeParse({ ...NO_PERMISSIONS, [field]: value }).success,
  );
};

describe('the operator’s ceiling', () => {
  it('has a class for every field, and none for one that does not exist', () => {
    expect(Object.keys(OPERATOR_CEILING).sort()).toEqual(Object.keys(Permissions.shape).sort());
    expect([ceilingOf('can_teleport'), ceilingOf('constructor'), ceilingOf('__proto__')]).toEqual([
      'never',
      'never',
      'never',
    ]);
  });

  it.each(Permissions.keyof().options)('%s is refused, asked about or within its own permissions', (field) => {
    const denial = field === 'denied_tools' || field === 'denied_risks';
    const before = denial ? { [field]: field === 'denied_risks' ? ['network'] : ['*'] } : {};
    const narrowNull = field === 'allowed_hosts' || field === 'browser_actions' ? { [field]: [] } : {};
    const after = denial ? {} : { [field]: narrowNull[field] === undefined ? widest(field) : null };
    const verdict = edit(after as Partial<Permissions>, { ...before, ...narrowNull } as Partial<Permissions>);
    const expected = {
      never: ceilingOf(field) === 'never' ? [field] : [],
      ask: ceilingOf(field) === 'must-ask' ? [field] : [],
    };
    expect(verdict).toEqual(expected);
  });

  it('never lets a field through that the schema does not have', () => {
    const after = { ...NO_PERMISSIONS, can_teleport: true };
    expect(judgeEdit({ before: NO_PERMISSIONS, after, own }).never).toEqual(['can_teleport']);
  });

  it('always lets it narrow', () => {
    expect(edit({}, { can_use_wallet: true, can_manage_fleet: true, allowed_credentials: ['*'] })).toEqual({
      never: [],
      ask: [],
    });
  });

  it('asks when it would pass on more than it has itself', () => {
    const narrowOperator = { ...own, can_message: ['a*'] };
    const verdict = (name: string) =>
      judgeEdit({ before: NO_PERMISSIONS, after: { ...NO_PERMISSIONS, can_message: [name] }, own: narrowOperator }).ask;
    expect([verdict('ada'), verdict('bob')]).toEqual([[], ['can_message']]);
  });
});
