import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { ApprovalView } from '../../src/protocol/api.ts';
import { openDockerEngine } from '../../src/testing/docker-engine.ts';
import { createWorld, type World } from '../../src/testing/world.ts';
import { holdfast } from './cli-process.ts';

/** The main job with every command in a container, and the command that builds its image, as a user types it. */
const engine = await openDockerEngine();
if (typeof engine === 'string') console.warn(`skipped: tests/e2e/docker-job.test.ts: ${engine}`);

async function nextApproval(world: World): Promise<ApprovalView> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const [pending] = await world.host.control.approvals('pending');
    if (pending !== undefined) return pending;
    if (Date.now() > deadline) throw new Error('no approval was requested');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe.skipIf(typeof engine === 'string')('with the docker launcher', () => {
  if (typeof engine === 'string') return;
  const { socketPath, image, base } = engine;
  afterAll(() => engine[Symbol.asyncDispose](), 60_000);

  it('a worker reports on a folder that a person allowed', { timeout: 180_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'reports '));
    await chmod(folder, 0o755);
    await writeFile(join(folder, 'a.txt'), 'one\ntwo\n');
    await writeFile(join(folder, "it's odd.csv"), 'x,y\n1,2\n');
    try {
      await using world = await createWorld({
        config: { sandbox: { launcher: 'docker', docker: { socketPath, image } } },
      });
      const { sandbox } = await world.host.control.status();
      expect(sandbox).toMatchObject({ launcher: 'docker', available: true, limits: { memory: 'kernel' } });
      const owner = { id: 'owner', surface: 'web' } as const;
      const message = await world.host.control.send('operator', { text: `Please look at "${folder}"` }, owner);
      await world.host.control.decideApproval((await nextApproval(world)).id, 'allow', owner);
      expect(await world.settled(message.id, 120_000)).toMatchObject({ state: 'answered' });
      const [artifact] = await world.host.control.artifacts(undefined);
      expect(artifact?.name).toBe('report.md');
      const { bytes } = await world.host.control.artifactContent(artifact?.id ?? '');
      expect(Buffer.from(bytes).toString('utf8')).toContain('a.txt');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('build-worker-image builds the configured image once', { timeout: 120_000 }, async () => {
    const home = await mkdtemp(join(tmpdir(), 'holdfast-image-'));
    try {
      const docker = { socketPath, image: 'holdfast-test-cli:latest' };
      await writeFile(join(home, 'config.json'), JSON.stringify({ sandbox: { docker } }));
      const built = await holdfast(['build-worker-image', '--base', base], { home });
      expect(built, built.stderr).toMatchObject({ code: 0 });
      expect(built.stdout).toContain(`holdfast-test-cli:latest was built on ${base}`);
      const again = await holdfast(['build-worker-image', '--base', base], { home });
      expect(again.stdout).toContain('holdfast-test-cli:latest is up to date');
      const refused = await holdfast(['build-worker-image', '--base', 'no-such-base:latest'], { home });
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain('--base IMAGE');
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  });
});
