import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SandboxLimits } from '../../protocol/config.ts';
import { openDockerEngine, WORKER_FOLDER } from '../../testing/docker-engine.ts';
import { tokenPrefix } from '../bubblewrap/token.ts';
import { type LauncherWorld, launcherConformance, runIn, until } from '../launcher.conformance.ts';
import { buildWorkerImage } from './build.ts';
import { createDocker } from './docker.ts';
import { listContainers } from './sweep.ts';
import { remove } from './warm.ts';

const HOST = join(import.meta.dirname, '../../testing/docker-host-process.ts');

const engine = await openDockerEngine();
if (typeof engine === 'string') console.warn(`skipped: ${engine}`);

describe.skipIf(typeof engine === 'string')('docker', () => {
  if (typeof engine === 'string') return;
  const { socketPath, image } = engine;
  afterAll(() => engine[Symbol.asyncDispose](), 60_000);

  launcherConformance(async (): Promise<LauncherWorld> => {
    const root = await mkdtemp(join(tmpdir(), 'holdfast-docker-'));
    await chmod(root, 0o755);
    const home = join(root, 'home');
    const launcher = createDocker({ home, scratch: join(home, 'run'), socketPath, image });
    const probe = await launcher.probe(AbortSignal.timeout(30_000));
    if (!probe.available) throw new Error(`${probe.reason} ${probe.remedy}`);
    return {
      launcher,
      directory: root,
      dispose: async () => {
        await launcher[Symbol.asyncDispose]();
        const left = await listContainers(engine.engine);
        await rm(root, { recursive: true, force: true });
        if (left.length > 0) throw new Error(`left behind: ${left.map(({ id }) => id).join(', ')}`);
      },
    };
  });

  describe('and its engine', () => {
    let root: string;
    beforeAll(async () => {
      root = await mkdtemp(join(tmpdir(), 'holdfast-docker-more-'));
      await chmod(root, 0o755);
    });
    afterAll(() => rm(root, { recursive: true, force: true }));
    const options = (name: string) => ({ home: join(root, name), scratch: join(root, name, 'run'), socketPath, image });
    const specOf = (name: string) => ({
      ...{ id: name, volume: join(root, name, 'volumes', name), mounts: [], env: {} },
      limits: SandboxLimits.parse({ wallMs: 20_000 }),
    });
    const ours = async (name: string): Promise<string[]> =>
      (await listContainers(engine.engine)).flatMap(({ id, token }) =>
        token.startsWith(tokenPrefix(join(root, name))) ? [id] : [],
      );

    it('an image that is missing is named with the remedy, and nothing is pulled', async () => {
      await using launcher = createDocker({ ...options('missing'), image: 'no-such-image:latest' });
      const probe = await launcher.probe(AbortSignal.timeout(10_000));
      expect(probe).toMatchObject({ available: false, remedy: expect.stringContaining('holdfast build-worker-image') });
      await expect(launcher.create(specOf('missing'))).rejects.toMatchObject({ code: 'sandbox.unavailable' });
    });

    it('has a container ready for the next command, which goes when none comes', async () => {
      await using launcher = createDocker({ ...options('warm'), idleMs: 1_000 });
      await using sandbox = await launcher.create(specOf('warm'));
      expect(await ours('warm')).toEqual([]);
      expect((await runIn(sandbox, ['echo', 'one'])).out).toBe('one\n');
      await until(async () => (await ours('warm')).length === 1);
      await until(async () => (await ours('warm')).length === 0);
      expect((await runIn(sandbox, ['echo', 'two'])).out).toBe('two\n');
    });

    it('a prepared container that was ended is not used', async () => {
      await using launcher = createDocker(options('ended'));
      await using sandbox = await launcher.create(specOf('ended'));
      await runIn(sandbox, ['true']);
      await until(async () => (await ours('ended')).length === 1);
      for (const id of await ours('ended')) await remove(engine.engine, id);
      expect((await runIn(sandbox, ['echo', 'fine'])).out).toBe('fine\n');
    });

    it('a host that was killed leaves nothing behind after the sweep, and a living one is left alone', async () => {
      const { home } = options('crash');
      const child = spawn(process.execPath, ['--no-warnings', HOST, home, 'echo ready; sleep 600', socketPath, image], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await using next = createDocker(options('crash'));
      await until(async () => (await ours('crash')).length === 2, 20_000);
      expect(await next.sweep()).toBe(0);
      child.kill('SIGKILL');
      await once(child, 'exit');
      expect(await next.sweep()).toBeGreaterThan(0);
      expect(await ours('crash')).toEqual([]);
    });

    it('a way out, which it cannot bring in, is refused and not left out', async () => {
      await using launcher = createDocker(options('door'));
      const spec = { ...specOf('door'), egressSocket: join(root, 'door.sock') };
      await expect(launcher.create(spec)).rejects.toMatchObject({ code: 'sandbox.unavailable' });
    });

    it('builds its image once for the same inputs, and again for other ones', async () => {
      const tag = 'holdfast-test-build:latest';
      const build = (folder: string) => buildWorkerImage({ folder, tag, base: engine.base, socketPath });
      expect(await build(WORKER_FOLDER)).toEqual({ tag, base: engine.base, isNew: true });
      expect(await build(WORKER_FOLDER)).toMatchObject({ isNew: false });
      const other = join(root, 'other');
      await mkdir(other);
      await writeFile(
        join(other, 'Dockerfile'),
        `${await readFile(join(WORKER_FOLDER, 'Dockerfile'), 'utf8')}\n# changed\n`,
      );
      expect(await build(other)).toMatchObject({ isNew: true });
      await writeFile(join(other, 'Dockerfile'), 'ARG BASE\nFROM $BASE\nRUN exit 3\n');
      await expect(build(other)).rejects.toThrow(/was not built: .*non-zero code: 3/);
    });
  });
});
