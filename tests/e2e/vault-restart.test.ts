import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Home, homeAt, prepareHome } from '../../src/base/home.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { vaultNodeFlags } from '../../src/base/vault-flags.ts';
import { createVaultOwner } from '../../src/cli/vault-owner.ts';
import { createHost, type Host } from '../../src/host/host.ts';
import { HoldfastConfig } from '../../src/protocol/config.ts';
import type { JournalEvent } from '../../src/protocol/event.ts';
import type { ScenarioInput } from '../../src/simulator/scenario.ts';
import { createSimulator, type Simulator } from '../../src/simulator/simulator.ts';
import { VAULT_MAIN } from '../../src/testing/vault-process.ts';

/**
 * The vault as a process of its own, killed with SIGKILL in the middle of a run and started again: the run says that it
 * waits for the vault, loses nothing, and goes on by itself.
 */
const ROOT = resolve(import.meta.dirname, '../..');
const KEY = 'sk-restart-canary-5Hc8Wq2Zt9';
const scenario: ScenarioInput = {
  name: 'restart',
  models: ['m'],
  rules: [
    {
      when: { tools: ['run_command'], toolResults: 0 },
      answer: {
        toolCalls: [
          {
            tool: 'run_command',
            arguments: { command: 'touch started; until [ -e go ]; do sleep 0.05; done; echo finished' },
          },
        ],
      },
    },
    { when: { tools: ['run_command'] }, answer: { text: 'The command said: {{result.text|clip:300}}' } },
    { when: { toolResult: { tool: 'spawn_worker' } }, answer: { text: '{{result.json.text}}' } },
    {
      when: { request: 'slowly' },
      answer: { text: 'one two three four five six seven eight', chunkChars: 4, paceMs: 100 },
    },
    { answer: { toolCalls: [{ tool: 'spawn_worker', arguments: { template: 'code_worker', task: 'Wait.' } }] } },
  ],
};

let home: Home;
let simulator: Simulator;
let vault: ChildProcess;
let host: Host;
const events: JournalEvent[] = [];

async function startVault(): Promise<void> {
  const args = [...vaultNodeFlags(home, ROOT), VAULT_MAIN, '--home', home.root];
  vault = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'], env: {} });
  if (vault.stdout) await once(createInterface({ input: vault.stdout }), 'line');
}

async function killVault(): Promise<void> {
  const ended = once(vault, 'exit');
  vault.kill('SIGKILL');
  await ended;
}

beforeEach(async () => {
  events.length = 0;
  home = homeAt(await mkdtemp(join(tmpdir(), 'hf-restart-')));
  await prepareHome(home);
  simulator = await createSimulator({ scenarios: [scenario] });
  await startVault();
  const owner = createVaultOwner({ socketPath: home.vaultOwnerSocket });
  await owner.putProvider('simulator', {
    wire: 'openai-chat',
    baseUrl: `${simulator.url}/v1`,
    simulator: true,
    defaultModel: 'm',
  });
  await owner.putSecret('some.key', Buffer.from(KEY));
  const config = HoldfastConfig.parse({ server: { port: 0 }, model: 'simulator/m' });
  host = await createHost({ home, config, pid: process.pid, log: silentLogger });
  host.control.subscribe({ event: ({ event }) => void events.push(event), live: () => {} });
}, 60_000);
afterEach(async () => {
  await host[Symbol.asyncDispose]();
  await killVault();
  await simulator[Symbol.asyncDispose]();
  await rm(home.root, { recursive: true, force: true });
});

const send = (text: string) => host.control.send('operator', { text }, { id: 'owner', surface: 'cli' });
const seen = <T extends JournalEvent['type']>(type: T): Extract<JournalEvent, { type: T }>[] =>
  events.filter((event): event is Extract<JournalEvent, { type: T }> => event.type === type);
const answerOf = (id: string) => expect.poll(async () => (await host.control.message(id)).answer, { timeout: 60_000 });

describe('a vault that is killed during a run', { timeout: 120_000 }, () => {
  it('in the middle of an answer: the run waits, says so, and answers when it is back', async () => {
    const { id } = await send('Count slowly.');
    await expect.poll(() => seen('model.requested').length, { timeout: 20_000 }).toBe(1);
    await killVault();
    await expect.poll(() => seen('run.waiting').length, { timeout: 20_000 }).toBeGreaterThan(0);
    expect(seen('run.waiting')[0]).toMatchObject({
      on: 'vault',
      owner: 'vault',
      detail: expect.stringContaining('vault'),
    });
    const status = await host.control.status();
    expect(JSON.stringify(status.problems ?? status)).toContain('vault');
    await startVault();
    await answerOf(id).toBe('one two three four five six seven eight');
    expect(seen('model.failed').every(({ willRetry }) => willRetry)).toBe(true);
  });

  it('while a command runs: its result waits until it was looked through, and nothing is lost', async ({ skip }) => {
    if (!(await host.control.status()).sandbox.available) {
      console.log('skipped: vault-restart with a command, because there is no sandbox');
      skip();
    }
    const { id } = await send('Have it done.');
    const worker = await expect
      .poll(async () => (await host.control.runs({ limit: 10 })).find(({ kind }) => kind === 'worker')?.id, {
        timeout: 20_000,
      })
      .toBeDefined()
      .then(async () => (await host.control.runs({ limit: 10 })).find(({ kind }) => kind === 'worker')?.id ?? '');
    const { access, writeFile } = await import('node:fs/promises');
    await expect
      .poll(
        () =>
          access(join(home.volumes, worker, 'started')).then(
            () => true,
            () => false,
          ),
        { timeout: 20_000 },
      )
      .toBe(true);
    await killVault();
    await writeFile(join(home.volumes, worker, 'go'), '');
    await expect
      .poll(
        () => seen('run.waiting').find(({ on, detail }) => on === 'vault' && detail.includes('looked for secrets')),
        { timeout: 20_000 },
      )
      .toBeDefined();
    expect(seen('effect.finished')).toEqual([]);
    await startVault();
    await answerOf(id).toContain('finished');
    expect(seen('effect.finished').map(({ outcome }) => outcome.status)).toEqual(['ok', 'ok']);
  });
});
