import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createRunCommand } from '../src/host/tools/run-command.ts';
import type { ToolContext } from '../src/host/tools/tool.ts';
import { SandboxLimits } from '../src/protocol/config.ts';
import { AGENT_LABEL } from '../src/protocol/label.ts';
import { createBubblewrap } from '../src/sandbox/bubblewrap/bubblewrap.ts';
import { createDocker } from '../src/sandbox/docker/docker.ts';
import type { Sandbox } from '../src/sandbox/launcher.ts';
import { createFileBlobStore } from '../src/storage/file-blob-store.ts';
import { openDockerEngine } from '../src/testing/docker-engine.ts';
import {
  type BenchOptions,
  type BenchRow,
  BenchSkipped,
  type BenchTable,
  environment,
  goalRow,
  median,
  paired,
  ratios,
} from './table.ts';

/** P4: a sandboxed command through the product, against a bare Node start and a bare bubblewrap. */
const ECHO = ['sh', '-c', 'echo'] as const;
const CONCURRENCY = 4;
/** A model thinks longer than this between two commands; meanwhile the next container is made. */
const REFILL_MS = 1_000;
const BARE = `--unshare-all --cap-drop ALL --die-with-parent --new-session --ro-bind /usr /usr --symlink usr/bin /bin
  --symlink usr/lib /lib --symlink usr/lib64 /lib64 --proc /proc --dev /dev --tmpfs /tmp --`.split(/\s+/);

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

async function spawnBare(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: '/usr/bin:/bin' } });
  child.stdout.resume();
  child.stderr.resume();
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${program} ended with ${code}`);
}

async function spawnSandboxed(sandbox: Sandbox): Promise<void> {
  const command = sandbox.spawn({ argv: ECHO });
  command.stdin.end();
  command.stdout.resume();
  command.stderr.resume();
  const exit = await command.exit;
  if (exit.code !== 0) throw new Error(exit.detail);
}

/** Commands per second with so many at once; every one is cold, each has namespaces of its own. */
async function burst(one: () => Promise<void>, commands: number): Promise<number> {
  let left = commands;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await one();
  };
  const took = await timed(() => Promise.all(Array.from({ length: CONCURRENCY }, worker)));
  return (commands / took) * 1_000;
}

/** The same command in a container: with one that waits for it, and from nothing. No rows where no engine can run. */
async function dockerRows({ quick, signal }: BenchOptions): Promise<{ rows: BenchRow[]; note: string }> {
  const opened = await openDockerEngine();
  if (typeof opened === 'string') return { rows: [], note: ` No docker rows: ${opened}.` };
  await using engine = opened;
  const root = await mkdtemp(join(tmpdir(), 'hf-bench-docker-'));
  const options = { home: join(root, 'home'), scratch: join(root, 'home/run'), socketPath: engine.socketPath };
  try {
    await using launcher = createDocker({ ...options, image: engine.image });
    const probe = await launcher.probe(signal);
    if (!probe.available) return { rows: [], note: ` No docker rows: ${probe.reason}` };
    const limits = SandboxLimits.parse({});
    const specOf = (id: string) => ({ id, volume: join(root, 'home', id), mounts: [], limits, env: {} });
    await using sandbox = await launcher.create(specOf('warm'));
    const measured = await paired(
      {
        node: () => timed(() => spawnBare(process.execPath, ['-e', '0'])),
        warm: async () => {
          await spawnSandboxed(sandbox);
          await delay(REFILL_MS, undefined, { signal });
          return await timed(() => spawnSandboxed(sandbox));
        },
        cold: () =>
          timed(async () => {
            await using cold = await launcher.create(specOf('cold'));
            await spawnSandboxed(cold);
          }),
        rate: () => burst(() => spawnSandboxed(sandbox), quick ? 4 : 16),
      },
      { rounds: quick ? 3 : 15, warmup: 1, signal },
    );
    const node = { unit: 'ms', floor: '`node -e 0`' };
    const row = (what: string, values: readonly number[]): BenchRow => ({
      ...{ what, value: median(values), ...node },
      ratio: ratios(values, measured.node).median,
    });
    return {
      note: ` ${probe.reason}`,
      rows: [
        row('docker: a container waits', measured.warm),
        row('docker: create, run, remove', measured.cold),
        { what: `docker: commands per second, ${CONCURRENCY} at once`, value: median(measured.rate), unit: '1/s' },
      ],
    };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

function contextOf(sandbox: Sandbox, signal: AbortSignal): ToolContext {
  return {
    ...{ runId: 'run', agentId: 'agent', sessionId: undefined, effectId: 'effect', callId: 'call', signal },
    sandbox: () => Promise.resolve(sandbox),
    output: () => undefined,
    principal: 'owner',
    label: AGENT_LABEL,
    progress: () => undefined,
    record: () => Promise.resolve(),
  };
}

export async function run(options: BenchOptions): Promise<BenchTable> {
  const { quick, signal } = options;
  const root = await mkdtemp(join(tmpdir(), 'hf-bench-sandbox-'));
  const home = join(root, 'home');
  await using launcher = createBubblewrap({ home, scratch: join(home, 'run') });
  try {
    const probe = await launcher.probe(signal);
    if (!probe.available) throw new BenchSkipped(probe.reason);
    const limits = SandboxLimits.parse({});
    await using sandbox = await launcher.create({ id: 'bench', volume: join(home, 'v'), mounts: [], limits, env: {} });
    const tool = createRunCommand({ blobs: await createFileBlobStore(join(root, 'blobs')) });
    const context = contextOf(sandbox, signal);
    const measured = await paired(
      {
        node: () => timed(() => spawnBare(process.execPath, ['-e', '0'])),
        bwrap: () => timed(() => spawnBare('bwrap', [...BARE, ...ECHO])),
        launcher: () => timed(() => spawnSandboxed(sandbox)),
        tool: () => timed(() => tool.execute({ command: 'echo' }, context)),
        create: () =>
          timed(async () => {
            const spec = { id: 'cold', volume: join(home, 'cold'), mounts: [], limits, env: {} };
            await using cold = await launcher.create(spec);
            await spawnSandboxed(cold);
          }),
        bareRate: () => burst(() => spawnBare('bwrap', [...BARE, ...ECHO]), quick ? 8 : 40),
        rate: () => burst(() => spawnSandboxed(sandbox), quick ? 8 : 40),
      },
      { rounds: quick ? 3 : 30, warmup: 2, signal },
    );
    const node = { unit: 'ms', floor: '`node -e 0`' };
    const rate = median(measured.rate);
    const docker = await dockerRows(options);
    return {
      name: 'sandbox',
      environment: environment(),
      note: `\`sh -c echo\`, every time with new namespaces, limits and filter, until its whole tree is gone. ${probe.reason}${docker.note}`,
      rows: [
        { what: 'bare `node -e 0`', value: median(measured.node), unit: 'ms' },
        {
          what: 'bare bubblewrap',
          value: median(measured.bwrap),
          ...node,
          ratio: ratios(measured.bwrap, measured.node).median,
        },
        goalRow(
          { what: 'through the launcher', value: median(measured.launcher), ...node },
          ratios(measured.launcher, measured.node),
          { atMost: 0.35 },
        ),
        {
          what: 'through the launcher',
          value: median(measured.launcher),
          unit: 'ms',
          floor: 'bare bubblewrap',
          ratio: ratios(measured.launcher, measured.bwrap).median,
        },
        goalRow(
          { what: 'create and run', value: median(measured.create), ...node },
          ratios(measured.create, measured.node),
          { atMost: 0.5 },
        ),
        goalRow({ what: 'run_command', value: median(measured.tool), ...node }, ratios(measured.tool, measured.node), {
          atMost: 0.35,
        }),
        {
          what: `commands per second, ${CONCURRENCY} at once`,
          value: rate,
          unit: '1/s',
          floor: 'bare bubblewrap',
          ratio: ratios(measured.rate, measured.bareRate).median,
          goal: '>= 200',
          met: rate >= 200,
        },
        ...docker.rows,
      ],
    };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
