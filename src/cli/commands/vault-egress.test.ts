import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createVaultWorld, type VaultWorld } from '../../testing/vault-world.ts';
import { changeEgress } from './vault-egress.ts';

let world: VaultWorld;
beforeEach(async () => {
  world = await createVaultWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

const run = (...words: string[]): Promise<readonly string[]> => changeEgress(world.owner, words);

describe('holdfast vault egress', () => {
  it('says that nothing is reached before anything was allowed', async () => {
    expect(await run('operator')).toEqual(['The sandboxes of operator reach nothing.']);
  });

  it('allows hosts and presets, and shows what a preset stands for', async () => {
    await run('operator', 'allow', 'npm', 'files.example.org:8443');
    expect((await run('operator')).slice(1)).toEqual([
      '  npm (https://registry.npmjs.org)',
      '  files.example.org:8443',
    ]);
    expect(await world.owner.getEgressRules('operator')).toMatchObject({ allow: ['npm', 'files.example.org:8443'] });
  });

  it('takes a place back, and writes down a denial where a wider one still lets it in', async () => {
    await run('operator', 'allow', '*.example.org', 'a.example.org', 'b.test');
    await run('operator', 'deny', 'a.example.org', 'b.test');
    expect(await world.owner.getEgressRules('operator')).toMatchObject({
      allow: ['*.example.org'],
      deny: ['a.example.org'],
    });
    await run('operator', 'allow', 'a.example.org');
    expect((await world.owner.getEgressRules('operator')).deny).toEqual([]);
  });

  it('looks into https only where the owner says so, and takes no path of https before', async () => {
    await expect(run('operator', 'allow', 'GET@https://api.example.org/v1/*')).rejects.toThrow(
      'holdfast vault egress <agent> intercept api.example.org',
    );
    await run('operator', 'intercept', 'api.example.org');
    const lines = await run('operator', 'allow', 'GET@https://api.example.org/v1/*');
    expect(lines).toContain('  looked into: https of api.example.org');
    await expect(run('operator', 'no-intercept', 'api.example.org')).rejects.toThrow('is seen only where');
    await run('operator', 'deny', 'GET@https://api.example.org/v1/*');
    expect(await run('operator', 'no-intercept', 'api.example.org')).toEqual([
      'The sandboxes of operator reach nothing.',
    ]);
    await expect(run('operator', 'intercept', 'https://a.example.org/x')).rejects.toThrow('give a host');
  });

  it('keeps the limits that were set', async () => {
    await world.owner.putEgressRules('operator', { allow: [], limits: { runBytes: 1_000 } });
    await run('operator', 'allow', 'npm');
    expect((await world.owner.getEgressRules('operator')).limits.runBytes).toBe(1_000);
  });

  it.each([
    [['operator', 'permit', 'npm'], 'usage: holdfast vault egress'],
    [['operator', 'allow'], 'usage: holdfast vault egress'],
    [['operator', 'allow', 'https://example.org/x'], 'is seen only where the vault looks into it'],
    [['operator', 'allow', 'nonsense host'], 'that is not a host name'],
    [['Bad Agent!', 'allow', 'npm'], ''],
  ])('refuses %j and changes nothing', async (words, message) => {
    await expect(run(...words)).rejects.toThrow(message);
    expect((await world.owner.getEgressRules('operator')).allow).toEqual([]);
  });
});
