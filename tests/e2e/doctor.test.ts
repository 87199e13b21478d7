import { describe, expect, it } from 'vitest';
import { createWorld, type World } from '../../src/testing/world.ts';

/** The doctor uses each part for real, names the one that is broken with its remedy, and clears the others. */
async function verdicts(world: World): Promise<Record<string, boolean>> {
  const probes = await world.host.control.doctor();
  return Object.fromEntries(probes.map((probe) => [probe.name, probe.ok]));
}

async function finding(world: World, name: string) {
  return (await world.host.control.doctor()).find((probe) => probe.name === name);
}

describe('the doctor', { timeout: 90_000 }, () => {
  it('finds nothing wrong with a whole product, and has used each part', async () => {
    await using world = await createWorld();
    const { sandbox, ...others } = await verdicts(world);
    expect(others).toEqual({ database: true, 'disk space': true, vault: true, model: true });
    expect(sandbox).toBe((await world.host.control.status()).sandbox.available);
    expect(world.simulator.requests).toHaveLength(1);
  });

  it('names a provider that is down', async () => {
    await using world = await createWorld();
    await world.owner.putProvider('simulator', { wire: 'openai-chat', baseUrl: 'http://127.0.0.1:9/v1' });
    expect(await verdicts(world)).toMatchObject({ vault: true, model: false });
    const model = await finding(world, 'model');
    expect(model?.detail).toContain('simulator');
    expect(model?.remedy).not.toBe('');
  });

  it('names a model that no provider has', async () => {
    await using world = await createWorld({ model: 'nowhere/m' });
    expect(await finding(world, 'model')).toMatchObject({
      ok: false,
      remedy: expect.stringContaining('holdfast setup'),
    });
    expect((await world.host.control.status()).problems[0]).toContain('nowhere');
  });

  it('names a vault that does not answer', async () => {
    await using world = await createWorld();
    await world.vault[Symbol.asyncDispose]();
    expect(await verdicts(world)).toMatchObject({ database: true, vault: false, model: false });
    expect((await finding(world, 'vault'))?.remedy).toContain('holdfast');
    expect(await world.host.control.status()).toMatchObject({ state: 'degraded', vault: null });
  });
});
