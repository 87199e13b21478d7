/** Models for programs in a sandbox: the official SDKs inside bubblewrap, with a key that opens nothing. */
import { realpathSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelEnvironment, WORTHLESS_KEY } from '../../src/host/sandboxes/model-environment.ts';
import { SandboxLimits } from '../../src/protocol/config.ts';
import { EgressDoor } from '../../src/protocol/egress.ts';
import { findProgram } from '../../src/sandbox/bubblewrap/root-files.ts';
import { type Ran, runIn } from '../../src/sandbox/launcher.conformance.ts';
import type { Sandbox } from '../../src/sandbox/launcher.ts';
import { createSimulator, type Simulator } from '../../src/simulator/simulator.ts';
import { createSandboxWorld, type SandboxWorld, whyNoSandbox } from '../security/sandbox-world.ts';
import { createEgressWorld, type EgressWorld } from './egress-world.ts';

const KEY = 'sk-canary-of-the-models-1234567890';
const ROOT = resolve(import.meta.dirname, '../..');
const missing = (await findProgram('socat')) === undefined ? 'socat is not installed.' : undefined;
const reason = (await whyNoSandbox()) ?? missing;
if (reason) console.warn(`skipped: ${reason}`);

let world: EgressWorld;
let simulator: Simulator;

beforeAll(async () => {
  world = await createEgressWorld();
  simulator = await createSimulator({
    scenarios: [{ name: 'guide', rules: [{ answer: { text: 'Hello from the model.' } }] }],
  });
  const prices = { '*': { input: 10, output: 10 } };
  const base = { prices, defaultModel: 'guide' };
  const { owner } = world.vault;
  await owner.putProvider('openai', { wire: 'openai-responses', baseUrl: `${simulator.url}/v1`, ...base });
  await owner.putProvider('claude', { wire: 'anthropic-messages', baseUrl: `${simulator.url}/v1`, ...base });
  for (const id of ['openai', 'claude']) await owner.putSecret(`provider.${id}`, Buffer.from(KEY));
});
afterAll(async () => {
  await simulator?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
});

const open = async (run: string, only?: string[]): Promise<EgressDoor> => {
  const body = JSON.stringify({ agent: world.agent, run, ...(only ? { only } : {}) });
  return EgressDoor.parse(JSON.parse((await world.vault.host('/egress-doors', { method: 'POST', body })).text));
};

/** One request at a door, as bytes. */
function speak(socketPath: string, text: string): Promise<string> {
  return new Promise((done, fail) => {
    const socket = connect(socketPath);
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    socket.on('error', fail);
    socket.on('end', () => done(answer));
    socket.write(text);
  });
}
const post = (socketPath: string, target: string, headers: Record<string, string> = {}, body: object = CHAT) => {
  const text = JSON.stringify(body);
  const all = { host: '127.0.0.1:3128', 'content-type': 'application/json', connection: 'close', ...headers };
  const lines = Object.entries({ ...all, 'content-length': String(text.length) }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return speak(socketPath, `POST ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${text}`);
};
const CHAT = { model: 'guide', max_tokens: 50, messages: [{ role: 'user', content: 'hi' }] };

describe('a door with models', () => {
  it('serves nothing until the owner allowed it, and says what to type', async () => {
    await world.allow();
    const door = await open('closed');
    expect(door.models).toBeUndefined();
    const answer = await post(door.socketPath, '/openai/v1/chat/completions');
    expect(answer).toContain('403');
    expect(JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)).error.message).toContain(
      'holdfast vault egress tester allow models',
    );
    expect((await world.rows('closed')).map(({ verdict, host }) => [verdict, host])).toEqual([
      ['denied', 'models.holdfast.internal'],
    ]);
    expect(simulator.requests).toHaveLength(0);
  });

  it('serves them to the agent and the run that the door is of, whatever the request claims', async () => {
    await world.allow('models');
    const door = await open('r-owner');
    expect(door.models).toEqual(['openai', 'anthropic']);
    const lies = { 'x-holdfast-agent': 'operator', 'x-holdfast-run': 'other', authorization: 'Bearer stolen' };
    for (const target of ['/openai/v1/chat/completions', 'http://models.holdfast.internal/openai/v1/chat/completions'])
      expect(
        await post(
          door.socketPath,
          target,
          target.startsWith('http') ? { ...lies, host: 'models.holdfast.internal' } : lies,
        ),
      ).toContain('Hello from the model.');
    expect(simulator.requests.every(({ key }) => key === KEY)).toBe(true);
    const { scopes } = await world.vault.owner.spending();
    expect(scopes.map(({ kind, id }) => `${kind}:${id}`)).toEqual(expect.arrayContaining(['agent:tester']));
    expect(JSON.stringify(scopes)).not.toContain('operator');
  });

  it('holds them to the budgets of the run', async () => {
    await world.allow('models');
    await world.vault.owner.putLimit({ kind: 'run', id: 'r-poor', dimension: 'calls', window: 'total', cap: 1 });
    const door = await open('r-poor');
    expect(await post(door.socketPath, '/openai/v1/chat/completions')).toContain(' 200 ');
    const refused = await post(door.socketPath, '/anthropic/v1/messages');
    expect(refused).toContain(' 402 ');
    expect(refused).toContain('"type":"billing_error"');
  });

  it.each([
    ['a worker whose template does not list it', ['npm'], '/openai/v1/chat/completions', {}, ' 403 '],
    ['a web page', undefined, '/openai/v1/chat/completions', { origin: 'http://evil.test' }, ' 403 '],
    ['another path of the vault', undefined, '/model/openai/../../secrets', {}, ' 404 '],
    ['the routes of the owner', undefined, '/secrets', {}, ' 404 '],
    ['a provider that is not there', undefined, '/model/nowhere/v1/messages', {}, ' 404 '],
    ['a format that nobody speaks', undefined, '/google/v1beta/models/x:generateContent', {}, ' 404 '],
  ])('refuses %s', async (name, only, target, headers, status) => {
    await world.allow('models');
    const door = await open(`refused-${name.replaceAll(' ', '-')}`, only);
    const before = simulator.requests.length;
    expect(await post(door.socketPath, target, headers)).toContain(status);
    expect(simulator.requests).toHaveLength(before);
  });

  it('stops at once when the agent is frozen or the rule is taken back', async () => {
    await world.allow('models');
    const door = await open('r-stop');
    await world.allow('npm');
    expect(await post(door.socketPath, '/openai/v1/chat/completions')).toContain(' 403 ');
  });
});

describe.skipIf(reason !== undefined)('the official SDKs in a sandbox', () => {
  let sandboxes: SandboxWorld;
  let sandbox: Sandbox;

  beforeAll(async () => {
    await world.allow('models');
    const door = await open('run_sdk');
    sandboxes = await createSandboxWorld();
    const mounts = [
      { source: dirname(realpathSync(process.execPath)), target: '/node', mode: 'ro' },
      { source: realpathSync(join(ROOT, 'node_modules')), target: '/app/node_modules', mode: 'ro' },
    ] as const;
    sandbox = await sandboxes.launcher.create({
      ...{ id: 'run_sdk', volume: sandboxes.volumeOf('run_sdk'), mounts, env: modelEnvironment(door) },
      ...{ limits: SandboxLimits.parse({ wallMs: 60_000 }), egressSocket: door.socketPath },
    });
  });
  afterAll(async () => {
    await sandbox?.[Symbol.asyncDispose]();
    await sandboxes?.[Symbol.asyncDispose]();
  });

  const node = (script: string): Promise<Ran> =>
    runIn(sandbox, ['sh', '-c', `cd /app && exec /node/node --input-type=module -e '${script}'`]);

  it('openai: chat, responses, streaming, list of models, with no key in reach', async () => {
    const ran = await node(`
      import OpenAI from "openai";
      const client = new OpenAI();
      const chat = await client.chat.completions.create({ model: "guide", messages: [{ role: "user", content: "hi" }] });
      console.log(chat.choices[0].message.content);
      const answer = await client.responses.create({ model: "guide", input: "hi" });
      console.log(answer.output_text);
      let text = "";
      const stream = await client.chat.completions.create({ model: "guide", stream: true, messages: [{ role: "user", content: "hi" }] });
      for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
      console.log(text);
      for await (const model of await client.models.list()) console.log(model.id);
      console.log(JSON.stringify(process.env));`);
    expect(ran.err).toBe('');
    expect(ran.out.split('\n').slice(0, 4)).toEqual([...Array(3).fill('Hello from the model.'), 'guide']);
    expect(ran.out).toContain(WORTHLESS_KEY);
    expect(ran.out).not.toContain(KEY);
  });

  it('anthropic: a message and a stream', async () => {
    const ran = await node(`
      import Anthropic from "@anthropic-ai/sdk";
      const client = new Anthropic();
      const request = { model: "guide", max_tokens: 50, messages: [{ role: "user", content: "hi" }] };
      console.log((await client.messages.create(request)).content[0].text);
      console.log(await client.messages.stream(request).finalText());`);
    expect([ran.err, ran.out]).toEqual(['', 'Hello from the model.\nHello from the model.\n']);
  });

  it('a budget that is used up is an error of the SDK', async () => {
    await world.vault.owner.putLimit({ kind: 'run', id: 'run_sdk', dimension: 'usd', window: 'total', cap: 0 });
    const ran = await node(`
      import OpenAI from "openai";
      try { await new OpenAI().chat.completions.create({ model: "guide", messages: [{ role: "user", content: "hi" }] }); }
      catch (error) { console.log(error.constructor.name, error.status, error.code); }`);
    expect(ran.out).toBe('APIError 402 budget.exceeded\n');
  });
});
