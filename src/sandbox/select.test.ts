import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HoldfastConfig, LAUNCHER_CHOICES } from '../protocol/config.ts';
import { createBubblewrap } from './bubblewrap/bubblewrap.ts';
import { createDocker } from './docker/docker.ts';
import { firstAvailable } from './first-available.ts';
import { selectLauncher } from './select.ts';

const HAS = { auto: 'bubblewrap', bubblewrap: 'bubblewrap', docker: 'docker' } as const;

describe('the choice of a launcher', () => {
  let home: string;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'holdfast-select-'));
  });
  afterAll(() => rm(home, { recursive: true, force: true }));

  for (const choice of LAUNCHER_CHOICES)
    it(`${choice} is a full tier or refused, never something weaker`, () => {
      const deps = { home: '/nonexistent', scratch: '/nonexistent/run' };
      const { sandbox } = HoldfastConfig.parse({ sandbox: { launcher: choice } });
      if (choice === 'auto' || choice === 'bubblewrap' || choice === 'docker')
        expect(selectLauncher(sandbox, deps).kind).toBe(HAS[choice]);
      else expect(() => selectLauncher(sandbox, deps)).toThrow(new RegExp(`no sandbox launcher "${choice}"`));
    });

  it('where neither can run, says why of both and makes nothing', async () => {
    const scratch = join(home, 'run');
    await using launcher = firstAvailable(
      createBubblewrap({ home, scratch, program: 'no-such-bwrap' }),
      createDocker({ home, scratch, socketPath: join(home, 'no-such.sock') }),
    );
    const probe = await launcher.probe(AbortSignal.timeout(5_000));
    expect(probe).toMatchObject({ available: false, remedy: expect.stringContaining('apt-get install bubblewrap') });
    expect(probe.reason).toContain('bubblewrap is not installed');
    expect(probe.reason).toContain(`no container engine listens on ${join(home, 'no-such.sock')}`);
    const spec = {
      id: 'x',
      volume: join(home, 'v'),
      mounts: [],
      env: {},
      limits: HoldfastConfig.parse({}).sandbox.limits,
    };
    await expect(launcher.create(spec)).rejects.toMatchObject({ code: 'sandbox.unavailable' });
    expect(await launcher.sweep()).toBe(0);
  });

  it('docker without an engine is refused with the remedy, never replaced', async () => {
    const socketPath = join(home, 'no-such.sock');
    const { sandbox } = HoldfastConfig.parse({ sandbox: { launcher: 'docker', docker: { socketPath } } });
    await using launcher = selectLauncher(sandbox, { home, scratch: join(home, 'run') });
    const probe = await launcher.probe(AbortSignal.timeout(5_000));
    expect(probe).toMatchObject({ available: false, remedy: expect.stringContaining('apt-get install docker.io') });
  });
});
