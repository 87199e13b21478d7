import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ScenarioInput } from '../../src/simulator/scenario.ts';
import { createWorld } from '../../src/testing/world.ts';

/** A worker reads the web only through the vault: private addresses are refused until the owner allows that one. */
let server: Server;
let port = 0;
const hits: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    hits.push(request.url ?? '');
    response.setHeader('content-type', 'text/html');
    response.end(
      '<title>Harbour</title><article><h1>Harbour</h1><p>The lighthouse was built in 1874 and is 31 metres high.</p></article>',
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => void server.close());

const scenario = (): ScenarioInput => ({
  name: 'research',
  models: ['m'],
  rules: [
    {
      when: { tools: ['web_fetch'], toolResults: 0 },
      answer: { toolCalls: [{ tool: 'web_fetch', arguments: { url: `http://127.0.0.1:${port}/harbour` } }] },
    },
    { when: { tools: ['web_fetch'] }, answer: { text: 'I read: {{result.text|clip:600}}' } },
    { when: { toolResult: { tool: 'spawn_worker' } }, answer: { text: '{{result.json.text}}' } },
    {
      answer: {
        toolCalls: [
          { tool: 'spawn_worker', arguments: { template: 'web_researcher', task: 'How high is the lighthouse?' } },
        ],
      },
    },
  ],
});

describe('web research', { timeout: 90_000 }, () => {
  it('is refused at a private address, with the way to allow it, and nothing is asked of the server', async () => {
    hits.length = 0;
    await using world = await createWorld({ model: 'simulator/m', scenarios: [scenario()] });
    const message = await world.ask('How high is the lighthouse?');
    expect(message.state).toBe('answered');
    expect(message.answer).toContain('holdfast vault allow');
    expect(hits).toEqual([]);
  });

  it('reads the page once the owner allows that host and port, and marks it as untrusted', async () => {
    await using world = await createWorld({ model: 'simulator/m', scenarios: [scenario()] });
    await world.owner.putExceptions('operator', { hosts: [{ host: '127.0.0.1', port }] });
    const message = await world.ask('How high is the lighthouse?');
    expect(message.answer).toContain('31 metres');
    expect(hits).toContain('/harbour');
    const events = await world.host.control.events({ after: 0, limit: 500 });
    const labels = events.flatMap(({ event }) =>
      event.type === 'effect.finished' ? [[event.tool, event.outcome.label] as const] : [],
    );
    expect(labels[0]).toEqual([
      'web_fetch',
      { integrity: 'untrusted', confidentiality: 'public', origins: ['web:127.0.0.1'] },
    ]);
    // What the worker saw follows its result to the operator.
    expect(labels[1]?.[0]).toBe('spawn_worker');
    expect(labels[1]?.[1]).toMatchObject({ integrity: 'untrusted', origins: ['web:127.0.0.1'] });
  });
});
