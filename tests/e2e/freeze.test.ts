import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { homeAt } from '../../src/base/home.ts';
import { totpCode, totpStep } from '../../src/base/totp.ts';
import { createApiClient } from '../../src/cli/api-client.ts';
import { request } from '../../src/cli/api-request.ts';
import { createVaultOwner } from '../../src/cli/vault-owner.ts';
import type { Tool } from '../../src/host/tools/tool.ts';
import { CreateAgent } from '../../src/protocol/agent.ts';
import { FreezeResult, type StatusView } from '../../src/protocol/api.ts';
import { SYSTEM_LABEL } from '../../src/protocol/label.ts';
import { Permissions } from '../../src/protocol/permission.ts';
import { createSimulator, type Simulator } from '../../src/simulator/simulator.ts';
import { createScriptedModel } from '../../src/testing/scripted-model.ts';
import { createTestCore } from '../../src/testing/test-core.ts';
import { whyNoSandbox } from '../security/sandbox-world.ts';
import { holdfast } from './cli-process.ts';

/**
 * The drill of the kill switch, on real processes: an agent's program in a real sandbox sends bytes through the vault's
 * door to a server outside, which counts them; a second run is in the middle of a model's stream. Then everything freezes.
 */
const reason = await whyNoSandbox();
if (reason) console.warn(`skipped: ${reason}`);
const MARK = `freeze-drill-${process.pid}`;
const LAST_BYTE_WITHIN_MS = 1_000;

describe.skipIf(reason !== undefined)('the kill switch', { timeout: 180_000 }, () => {
  let root: string;
  let server: Server;
  let simulator: Simulator;
  let bytes = 0;
  let lastByteAt = 0;
  const at = () => homeAt(join(root, 'home'));
  const cli = (...args: string[]) => holdfast(args, { home: at().root, timeoutMs: 120_000 });
  const host = () => createApiClient({ socketPath: at().hostSocket });
  const port = () => (server.address() as AddressInfo).port;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'hf-freeze-'));
    server = createServer((incoming, response) => {
      incoming.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        lastByteAt = performance.now();
      });
      incoming.on('end', () => response.end('thanks'));
      incoming.on('error', () => {});
    });
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    simulator = await createSimulator({ scenarios: [scenario(port())] });
    await prepare(at().root, port());
    expect((await cli('start', '--no-chat', '--port', '0')).stderr).toBe('');
    const owner = createVaultOwner({ socketPath: at().vaultOwnerSocket });
    await owner.putProvider('drill', { wire: 'openai-chat', baseUrl: `${simulator.url}/v1`, simulator: true });
    await owner.putEgressRules('leaker', { allow: [`127.0.0.1:${port()}`] });
    await owner.putExceptions('leaker', { hosts: [{ host: '127.0.0.1', port: port() }] });
  }, 120_000);
  afterAll(async () => {
    await cli('stop');
    await simulator[Symbol.asyncDispose]();
    server.closeAllConnections();
    server.close();
    await rm(root, { recursive: true, force: true });
  });

  let sending: string;
  let streaming: string;

  it('has something to stop', async () => {
    sending = (await host().send('leaker', { text: 'send' })).id;
    streaming = (await host().send('talker', { text: 'talk' })).id;
    await until('bytes leave', () => bytes > 100_000);
    await until('a program runs', () => programs().length > 0);
    const { runId } = await host().message(streaming);
    await until('a model streams', async () => (await host().run(runId ?? '')).state === 'running');
  });

  it(`lets no byte out later than ${LAST_BYTE_WITHIN_MS} ms after it was pulled, and ends the sandboxes`, async () => {
    const pulledAt = performance.now();
    const body = await request(
      { socketPath: at().hostSocket },
      { method: 'POST', path: '/api/freeze', body: { reason: 'drill' } },
    );
    const result = FreezeResult.parse(JSON.parse(body.toString()));
    expect(result).toMatchObject({ vault: true, runs: 2 });
    const before = bytes;
    await delay(1_500); // Long enough for a byte that was late to arrive.
    console.info(
      `freeze: last byte ${Math.round(lastByteAt - pulledAt)} ms after it was pulled, all cut in ${result.ms} ms`,
    );
    expect(bytes - before).toBeLessThan(1_000_000);
    expect(lastByteAt - pulledAt).toBeLessThan(LAST_BYTE_WITHIN_MS);
    expect(programs()).toEqual([]);
  });

  it('answers every surface with "paused", keeps what is written to it, and says who did it and why', async () => {
    const message = await host().send('leaker', { text: 'still there?' });
    expect(message).toMatchObject({ state: 'received', paused: expect.stringContaining('Paused') });
    const status = await cli('status');
    expect(status.code).toBe(1);
    expect(status.stdout).toMatch(/Everything is frozen since .*drill.*holdfast resume/);
    const rows = (await cli('audit', 'list', '--action', 'freeze.begun', '--json')).stdout;
    expect(JSON.parse(rows)).toMatchObject([{ actor: 'owner', surface: 'cli', target: '*' }]);
  });

  it('holds over a restart of host and vault, and even for a host that forgot it', async () => {
    await cli('stop');
    expect((await cli('start', '--no-chat')).code).toBe(0);
    const { frozen } = await statusOf();
    expect(frozen).toMatchObject([{ scope: '*', reason: 'drill' }]);
    const before = bytes;
    await delay(1_500);
    expect(bytes).toBe(before);
    expect(programs()).toEqual([]);
  });

  it('is not ended by a pipe, a guess or the host alone', async () => {
    expect((await cli('resume')).stderr).toContain('a person at a terminal, or a second factor');
    const target = { socketPath: at().hostSocket };
    const plain = request(target, { method: 'POST', path: '/api/freeze/resume', body: {} });
    await expect(plain).rejects.toMatchObject({ code: 'conflict' });
    const guess = request(target, { method: 'POST', path: '/api/freeze/resume', body: { code: '000000' } });
    await expect(guess).rejects.toThrow();
    expect((await statusOf()).frozen).toHaveLength(1);
  });

  it('is ended by the second factor, and what was cut goes on with an honest word about it', async () => {
    const { secret } = JSON.parse((await cli('totp', 'setup', '--json')).stdout) as { secret: string };
    const code = (steps: number): string => totpCode(fromBase32(secret), totpStep(Date.now()) + steps);
    expect((await cli('totp', 'confirm', '--code', code(0))).code).toBe(0);
    const resumed = await cli('resume', '--code', code(1));
    expect([resumed.stderr, resumed.code]).toEqual(['', 0]);
    const ended = await settled(sending);
    expect(ended.state).toBe('answered');
    const events = await host().runEvents(ended.runId ?? '', { limit: 500 });
    const resumes = events.flatMap(({ event }) => (event.type === 'run.resumed' ? [event.interrupted] : []));
    expect(resumes.at(-1)).toHaveLength(1);
    const outcomes = events.flatMap(({ event }) => (event.type === 'effect.finished' ? [event.outcome] : []));
    expect(outcomes).toMatchObject([{ status: 'unknown', text: expect.stringContaining('may have happened') }]);
    expect((await settled(streaming)).answer).toContain('talked to the end');
  });

  it('freezes one agent and leaves the others alone', async () => {
    expect((await cli('freeze', '--agent', 'leaker', '--reason', 'odd')).stdout).toContain('leaker is frozen');
    expect((await host().send('leaker', { text: 'hello' })).paused).toContain('leaker');
    expect((await settled((await host().send('talker', { text: 'short' })).id)).state).toBe('answered');
  });

  it('is pulled by a word in a chat, which no model sees', async () => {
    const before = simulator.requests.length;
    const message = await host().send('talker', { text: ' /freeze ' });
    expect(message).toMatchObject({
      state: 'answered',
      runId: null,
      answer: expect.stringContaining('Everything is frozen'),
    });
    expect(simulator.requests.length).toBe(before);
    expect((await statusOf()).frozen).toHaveLength(2);
  });

  async function statusOf(): Promise<StatusView> {
    return JSON.parse((await cli('status', '--json')).stdout).host;
  }

  async function settled(id: string) {
    for (const deadline = Date.now() + 60_000; ; ) {
      const message = await host().message(id, { waitMs: 2_000 });
      if (message.finishedAt !== null) return message;
      if (Date.now() > deadline) throw new Error(`not settled: ${JSON.stringify(message)}`);
    }
  }
});

/** Only its name counts here: the product has the real one. */
const runCommand: Tool<object> = {
  name: 'run_command',
  description: '',
  input: z.object({}),
  risk: 'sandbox-execute',
  idempotent: false,
  parallel: false,
  execute: async () => ({ status: 'ok', text: '', label: SYSTEM_LABEL }),
};

/** Two agents in a database that the product then finds. */
async function prepare(home: string, port: number): Promise<void> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  await writeFile(join(home, 'config.json'), JSON.stringify({ model: 'drill/m', server: { port: 0 } }), {
    mode: 0o600,
  });
  await using world = await createTestCore({ home, model: createScriptedModel(() => ''), tools: [runCommand] });
  const by = { id: 'owner', surface: 'cli' };
  const permissions = Permissions.parse({ can_use_internet: true, allowed_egress: [`127.0.0.1:${port}`] });
  const leaker = {
    id: 'leaker',
    title: 'Leaker',
    tools: ['run_command'],
    permissions,
    sandbox: { egress: [`127.0.0.1:${port}`] },
  };
  await world.core.agents.create(CreateAgent.parse(leaker), by);
  await world.core.agents.create(CreateAgent.parse({ id: 'talker', title: 'Talker', tools: [] }), by);
}

function scenario(port: number) {
  const stream = `while :; do head -c 20000 /dev/zero | tr '\\0' x; sleep 0.02; done | curl -sS --noproxy '' -T - http://127.0.0.1:${port}/up # ${MARK}`;
  return {
    name: 'drill',
    models: ['m'],
    rules: [
      { when: { user: 'talk' }, times: 1, answer: { text: 'word '.repeat(2_000), chunkChars: 5, paceMs: 50 } },
      { when: { user: 'talk' }, answer: { text: 'talked to the end' } },
      {
        when: { toolResults: 0, user: 'send' },
        answer: { toolCalls: [{ tool: 'run_command', arguments: { command: stream } }] },
      },
      { answer: { text: 'done' } },
    ],
  };
}

/** Programs of the drill that run now, as the kernel lists them. */
function programs(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => commandOf(pid).includes(MARK));
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return ''; // It ended between the two looks.
  }
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await holds()); await delay(50))
    if (Date.now() > deadline) throw new Error(`not within a minute: ${what}`);
}

function fromBase32(text: string): Buffer {
  const bits = [...text]
    .map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0'))
    .join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}
