import { randomBytes } from 'node:crypto';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { homeAt } from '../../src/base/home.ts';
import type { SupervisorStatus } from '../../src/cli/supervisor/control.ts';
import type { ScenarioInput } from '../../src/simulator/scenario.ts';
import { createSimulator } from '../../src/simulator/simulator.ts';
import { holdfast } from '../e2e/cli-process.ts';

/**
 * Every way in which a secret comes into the vault and is used, with a value of its own each, then 5,000 model calls one after
 * the other as fast as they go. After that the memory of host, supervisor and every process of every sandbox is read byte by
 * byte: none of the values is there. The vault is read too, so that a scan which finds nothing anywhere would be noticed.
 */
const MODEL_CALLS = 5_000;
const AT_ONCE = 24;
const value = (name: string): string => `canary-${name}-${randomBytes(12).toString('hex')}`;
const VALUES = {
  replacedKey: value('key-1'),
  key: value('key-2'),
  added: value('added'),
  replaced: value('old'),
  rotated: value('rotated'),
  imported: value('env'),
  login: `sk-ant-oat01-${value('login')}`,
  sealed: value('sealed'),
  service: value('service'),
};
const CHUNK_BYTES = 8 * 1024 * 1024;
const keepAlive = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
let base: string;
let home: string;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'hf-canary-'));
  home = join(base, 'home');
});
afterAll(async () => {
  keepAlive.destroy();
  await holdfast(['stop'], { home });
  await rm(base, { recursive: true, force: true });
});

/** How often each needle stands in the writable memory of a process; undefined when it may not be read. */
async function occurrences(pid: number, needles: readonly Buffer[]): Promise<number[] | undefined> {
  const maps = await readFile(`/proc/${pid}/maps`, 'latin1').catch(() => undefined);
  const memory = await open(`/proc/${pid}/mem`, 'r').catch(() => undefined);
  if (maps === undefined || memory === undefined) return undefined;
  await using _close = memory;
  const found = needles.map(() => 0);
  const longest = Math.max(...needles.map(({ length }) => length));
  for (const line of maps.split('\n')) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line);
    if (match === null) continue;
    const end = Number.parseInt(match[2] ?? '0', 16);
    for (let at = Number.parseInt(match[1] ?? '0', 16); at < end; at += CHUNK_BYTES) {
      const size = Math.min(CHUNK_BYTES + longest, end - at);
      const read = await memory.read(Buffer.allocUnsafe(size), 0, size, at).catch(() => undefined);
      if (read === undefined) continue;
      const bytes = read.buffer.subarray(0, read.bytesRead);
      for (const [index, needle] of needles.entries()) found[index] = (found[index] ?? 0) + count(bytes, needle);
    }
  }
  return found;
}

function count(haystack: Buffer, needle: Buffer): number {
  let found = 0;
  for (let at = haystack.indexOf(needle); at !== -1; at = haystack.indexOf(needle, at + 1)) found += 1;
  return found;
}

/** The process and all that it started, sandboxes and what runs in them. */
async function treeOf(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const below = await Promise.all(
    children
      .split(' ')
      .filter(Boolean)
      .map((child) => treeOf(Number(child))),
  );
  return [pid, ...below.flat()];
}

/** An API that sends the key back in its answer. */
async function startEcho(): Promise<AsyncDisposable & { readonly port: number; readonly keys: string[] }> {
  const keys: string[] = [];
  const server = createServer((request, response) => {
    keys.push(request.headers.authorization ?? '');
    response.end(`you sent ${request.headers.authorization}`);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    keys,
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

const scenario: ScenarioInput = {
  name: 'memory',
  models: ['m'],
  rules: [
    {
      when: { tools: ['http_request'], toolResults: 0 },
      answer: { toolCalls: [{ tool: 'http_request', arguments: { service: 'acme', url: '/echo' } }] },
    },
    {
      when: { tools: ['http_request'], toolResults: 1 },
      answer: { toolCalls: [{ tool: 'run_command', arguments: { command: 'env > seen; sleep 500; echo woke' } }] },
    },
    {
      when: { request: 'work' },
      answer: { toolCalls: [{ tool: 'spawn_worker', arguments: { template: 'code_worker', task: 'Ask acme.' } }] },
    },
    { answer: { text: 'fine' } },
  ],
};

/** One request at the host's socket. */
function ask(method: string, path: string, body?: unknown): Promise<Record<string, string>> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const outgoing = request(
      { socketPath: homeAt(home).hostSocket, method, path, headers, agent: keepAlive },
      (reply) => {
        const parts: Buffer[] = [];
        reply.on('data', (part: Buffer) => parts.push(part));
        reply.on('end', () => {
          const text = Buffer.concat(parts).toString('utf8');
          if ((reply.statusCode ?? 500) < 300) resolve(JSON.parse(text));
          else reject(new Error(text));
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(typeof body === 'string' ? body : body === undefined ? undefined : JSON.stringify(body));
  });
}

async function talk(): Promise<void> {
  const session = await ask('POST', '/api/sessions', { agentId: 'operator' });
  const { id } = await ask('POST', '/api/agents/operator/messages', { text: 'hello', sessionId: session.id });
  const message = await ask('GET', `/api/messages/${id}?wait=60000`);
  if (message.answer !== 'fine') throw new Error(JSON.stringify(message));
}

async function cli(line: string, stdin = '', env: Record<string, string> = {}): Promise<string> {
  const result = await holdfast(line.split(' '), { home, stdin, env, timeoutMs: 120_000 });
  if (result.code !== 0) throw new Error(`${line}: ${result.stderr}`);
  for (const secret of Object.values(VALUES)) expect(result.stdout + result.stderr).not.toContain(secret);
  return result.stdout;
}

/** Every path of docs/credentials.md by which a value comes in. */
async function fillVault(simulatorUrl: string, echoPort: number): Promise<void> {
  const setup = `setup --non-interactive --provider openai-compatible --base-url ${simulatorUrl}/v1 --model m --api-key-stdin`;
  await cli(setup, `${VALUES.replacedKey}\n`);
  await cli(setup, `${VALUES.key}\n`);
  await cli('start --port 0 --no-chat');
  await cli('credentials add plain --agents operator', VALUES.added);
  await cli('credentials add turned --agents operator', VALUES.replaced);
  await cli('credentials rotate turned', VALUES.rotated);
  await cli('credentials generate made --agents operator');
  await writeFile(join(base, '.env'), `FROM_ENV=${VALUES.imported}\n`);
  await cli(`credentials import ${join(base, '.env')} --agents operator`);
  await writeFile(join(base, '.credentials.json'), JSON.stringify({ claudeAiOauth: { accessToken: VALUES.login } }));
  await cli('credentials import --claude', '', { CLAUDE_CONFIG_DIR: base });
  await cli(`credentials export ${join(base, 'export')} --system`, 'a long passphrase');
  await cli(`credentials import ${join(base, 'export')} --replace`, 'a long passphrase');
  await cli('owner key');
  const change = {
    kind: 'credential.add',
    name: 'sealed',
    facts: {},
    agents: ['operator'],
    parts: { value: VALUES.sealed },
  };
  const envelope = await cli('owner sign', JSON.stringify(change));
  expect(await ask('POST', '/api/owner-changes', envelope)).toEqual({ state: 'done' });
  await cli(`services add acme --base-url http://127.0.0.1:${echoPort}`);
  await cli('credentials add acme --agents operator', VALUES.service);
  await cli(`vault allow operator 127.0.0.1:${echoPort}`);
  const budget = await holdfast(['budget', '--daily', 'none', '--monthly', 'none'], { home });
  expect(budget.code).toBe(0);
}

describe('canary keys', { timeout: 900_000 }, () => {
  it('are in the memory of the vault and of no other process', async ({ skip }) => {
    await using echo = await startEcho();
    await using simulator = await createSimulator({ scenarios: [scenario] });
    await fillVault(simulator.url, echo.port);
    const status = JSON.parse(await cli('status --json'));
    const hasSandbox = status.host.sandbox.available;
    const work = hasSandbox ? await startWork() : undefined;
    if (work === undefined) console.log('memory-canary: without a sandbox, because there is none');
    else await expect.poll(() => echo.keys.length, { timeout: 60_000 }).toBe(1);
    expect(echo.keys).toEqual(hasSandbox ? [`Bearer ${VALUES.service}`] : []);

    const startedAt = Date.now();
    for (let left = MODEL_CALLS; left > 0; left -= AT_ONCE)
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, left) }, talk));
    console.log(`${MODEL_CALLS} model calls in ${Math.round((Date.now() - startedAt) / 1_000)} s`);

    const { supervisor } = status as { supervisor: SupervisorStatus };
    const pids = new Map(supervisor.processes.map((one) => [one.name, one.pid ?? 0]));
    const vault = pids.get('vault') ?? 0;
    const names = Object.keys(VALUES);
    const needles = Object.values(VALUES).map((secret) => Buffer.from(secret));
    const inVault = await occurrences(vault, needles);
    if (inVault === undefined) {
      console.log('skipped: memory-canary needs the right to read the memory of its own processes (ptrace)');
      skip();
    }
    const kept = names.filter((name) => !name.startsWith('replaced'));
    expect(names.filter((_name, index) => (inVault?.[index] ?? 0) > 0)).toEqual(expect.arrayContaining(kept));
    const others = (await treeOf(supervisor.pid)).filter((pid) => pid !== vault);
    const programs = await Promise.all(others.map((pid) => readFile(`/proc/${pid}/comm`, 'utf8')));
    console.log(`read the memory of ${programs.map((program) => program.trim()).join(', ')}`);
    if (hasSandbox) expect(programs).toContain('sleep\n');
    for (const pid of others) expect([pid, await occurrences(pid, needles)]).toEqual([pid, needles.map(() => 0)]);
  });
});

/** A worker that asks an API with a credential and then stays in its sandbox. */
async function startWork(): Promise<string> {
  const { id = '' } = await ask('POST', '/api/agents/operator/messages', { text: 'work' });
  return id;
}
