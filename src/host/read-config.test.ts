import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readConfig } from './read-config.ts';

it('takes the plan limits of the environment before those of the file, and refuses what is no number', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-config-'));
  const file = join(folder, 'config.json');
  try {
    await writeFile(file, JSON.stringify({ limits: { maxAgents: 9, taskSteps: 7 } }));
    const read = await readConfig(file, undefined, { HOLDFAST_MAX_AGENTS: '2', HOLDFAST_MAX_TEAMS: '0' });
    expect(read.limits).toMatchObject({ maxAgents: 2, maxTeams: 0, taskSteps: 7 });
    expect((await readConfig(file, undefined)).limits).toMatchObject({ maxAgents: 9 });
    await expect(readConfig(file, undefined, { HOLDFAST_MAX_AGENTS: 'many' })).rejects.toThrow('limits.maxAgents');
  } finally {
    await rm(folder, { recursive: true });
  }
});
