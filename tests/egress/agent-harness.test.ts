/**
 * A well-known coding agent of somebody else's, in a sandbox, working with a model through its run's door: it reads, thinks
 * and runs a command, and has no key. It comes from the npm registry into a folder that is kept between runs.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelEnvironment } from '../../src/host/sandboxes/model-environment.ts';
import { SandboxLimits } from '../../src/protocol/config.ts';
import { EgressDoor } from '../../src/protocol/egress.ts';
import { findProgram } from '../../src/sandbox/bubblewrap/root-files.ts';
import { runIn } from '../../src/sandbox/launcher.conformance.ts';
import { createSimulator, type Simulator } from '../../src/simulator/simulator.ts';
import { createSandboxWorld, type SandboxWorld, whyNoSandbox } from '../security/sandbox-world.ts';
import { createEgressWorld, type EgressWorld } from './egress-world.ts';

const PACKAGE = '@mariozechner/pi-coding-agent';
const VERSION = '0.73.1';
const CACHE = join(tmpdir(), 'holdfast-test-cache', `pi-${VERSION}`);
const PROGRAM = join('node_modules', PACKAGE, 'dist/cli.js');
const INSTALL_WITHIN_MS = 240_000;
const KEY = 'sk-canary-of-the-harness-1234567890';

/** Why it is not there; undefined when it is. Its install scripts are not run. */
function install(): string | undefined {
  if (existsSync(join(CACHE, PROGRAM))) return undefined;
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(join(CACHE, 'package.json'), '{"private":true}');
  const args = [
    'install',
    `${PACKAGE}@${VERSION}`,
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--no-update-notifier',
  ];
  const { status, error, stderr } = spawnSync('npm', args, {
    cwd: CACHE,
    timeout: INSTALL_WITHIN_MS,
    encoding: 'utf8',
  });
  if (status === 0 && existsSync(join(CACHE, PROGRAM))) return undefined;
  return `${PACKAGE} cannot be installed: ${error?.message ?? stderr.split('\n').find((line) => line !== '') ?? status}`;
}

const missing = (await findProgram('socat')) === undefined ? 'socat is not installed.' : undefined;
const reason = (await whyNoSandbox()) ?? missing ?? install();
if (reason) console.warn(`skipped: ${reason}`);

describe.skipIf(reason !== undefined)(`${PACKAGE} in a sandbox`, { timeout: 120_000 }, () => {
  let world: EgressWorld;
  let simulator: Simulator;
  let sandboxes: SandboxWorld;

  beforeAll(async () => {
    world = await createEgressWorld();
    const script = 'printf made-by-an-agent > proof.txt; env; cat /proc/self/environ | tr "\\\\0" "\\\\n"';
    simulator = await createSimulator({
      scenarios: [
        {
          name: 'guide',
          rules: [
            { when: { toolResults: 0 }, answer: { toolCalls: [{ tool: 'bash', arguments: { command: script } }] } },
            { answer: { text: 'The proof is written.' } },
          ],
        },
      ],
    });
    const setting = { wire: 'openai-chat', prices: { '*': { input: 1, output: 1 } } } as const;
    await world.vault.owner.putProvider('acme', { ...setting, baseUrl: `${simulator.url}/v1` });
    await world.vault.owner.putSecret('provider.acme', Buffer.from(KEY));
    await world.allow('models');
    sandboxes = await createSandboxWorld();
  });
  afterAll(async () => {
    await sandboxes?.[Symbol.asyncDispose]();
    await simulator?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  it('does a job with a model and a tool, on the budget of its run, without a key', async () => {
    const body = JSON.stringify({ agent: world.agent, run: 'run_pi' });
    const door = EgressDoor.parse(JSON.parse((await world.vault.host('/egress-doors', { method: 'POST', body })).text));
    const env = modelEnvironment(door);
    await using sandbox = await sandboxes.launcher.create({
      ...{ id: 'run_pi', volume: sandboxes.volumeOf('run_pi') },
      env: { ...env, HOME: '/data', PI_CODING_AGENT_DIR: '/data/pi', PI_OFFLINE: '1' },
      mounts: [
        { source: dirname(realpathSync(process.execPath)), target: '/node', mode: 'ro' },
        { source: CACHE, target: '/pi', mode: 'ro' },
      ],
      ...{ limits: SandboxLimits.parse({ wallMs: 110_000 }), egressSocket: door.socketPath },
    });
    const models = {
      providers: {
        vault: {
          baseUrl: env.OPENAI_BASE_URL,
          apiKey: env.OPENAI_API_KEY,
          api: 'openai-completions',
          models: [{ id: 'guide', contextWindow: 64_000, maxTokens: 1_000 }],
        },
      },
    };
    const plain = '--offline --no-session --no-extensions --no-skills --no-context-files';
    const command = `mkdir -p /data/pi /data/work && printf '%s' '${JSON.stringify(models)}' > /data/pi/models.json && cd /data/work && exec /node/node /pi/${PROGRAM} ${plain} --provider vault --model guide -p 'write the proof'`;
    const ran = await runIn(sandbox, ['sh', '-c', command], { timeoutMs: 110_000 });
    expect([ran.err, ran.out.trim()]).toEqual(['', 'The proof is written.']);
    expect(readFileSync(join(sandboxes.volumeOf('run_pi'), 'work/proof.txt'), 'utf8')).toBe('made-by-an-agent');
    // Two calls, settled on this run; the real key went to the provider and was never here.
    expect(simulator.requests.map(({ key }) => key)).toEqual([KEY, KEY]);
    expect(JSON.stringify(simulator.requests.map(({ body: sent }) => sent))).not.toContain(KEY);
    const { scopes } = await world.vault.owner.spending();
    const calls = scopes
      .find(({ kind }) => kind === 'agent')
      ?.dimensions.find(({ dimension }) => dimension === 'calls');
    expect(calls?.total).toBe(2);
    const usd = scopes.find(({ kind }) => kind === 'agent')?.dimensions.find(({ dimension }) => dimension === 'usd');
    expect(usd).toMatchObject({ reserved: 0 });
  });
});
