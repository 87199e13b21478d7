import { describe, expect, it } from 'vitest';
import { createWorld } from '../../testing/world.ts';

/** Risks that leave the machine or reach a person: the gate cannot judge what such a tool does not name. */
const LEAVES = ['network', 'message'];

describe('every tool', () => {
  it('that leaves the machine or reaches a person says what its arguments would touch', async () => {
    await using world = await createWorld();
    const tools = [...world.host.core.toolbox.byName.values()];
    expect(tools.length).toBeGreaterThan(10);
    const silent = tools.filter(({ risk, resources }) => LEAVES.includes(risk) && resources === undefined);
    expect(silent.map(({ name }) => name)).toEqual([]);
  });
});
