import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  AgentView,
  ApprovalView,
  ArtifactView,
  DoctorProbe,
  ErrorReply,
  EventView,
  LoginLink,
  LoginView,
  MessageView,
  NewToken,
  RunView,
  SessionView,
  StatusView,
  TokenView,
  WorkerTemplateView,
} from '../../src/protocol/api.ts';
import { HoldfastError } from '../../src/protocol/error.ts';
import { BudgetView } from '../../src/protocol/vault-api.ts';
import { createGateway, type Gateway } from './gateway.ts';

const done = z.object({ done: z.literal(true) });

interface RouteCase {
  readonly route: string;
  readonly path?: string;
  readonly body?: unknown;
  readonly schema: z.ZodType;
}

/** Every JSON route of the API, with a request that succeeds. The order matters where one makes what the next needs. */
const ROUTES: readonly RouteCase[] = [
  { route: 'GET /api/status', schema: StatusView },
  { route: 'POST /api/doctor', schema: DoctorProbe.array().min(1) },
  { route: 'GET /api/agents', schema: AgentView.array().min(1) },
  { route: 'GET /api/agents/{id}', path: '/api/agents/operator', schema: AgentView },
  { route: 'GET /api/worker-templates', schema: WorkerTemplateView.array().min(1) },
  {
    route: 'POST /api/agents/{id}/messages',
    path: '/api/agents/operator/messages',
    body: { text: 'hello', clientMessageId: 'one' },
    schema: MessageView,
  },
  { route: 'GET /api/messages/{id}', path: '/api/messages/msg_one', schema: MessageView },
  { route: 'GET /api/sessions', path: '/api/sessions?agentId=operator', schema: SessionView.array().min(1) },
  { route: 'POST /api/sessions', body: { agentId: 'operator' }, schema: SessionView },
  {
    route: 'GET /api/sessions/{id}/history',
    path: '/api/sessions/ses_1/history?limit=5',
    schema: MessageView.array().min(1),
  },
  { route: 'GET /api/runs', path: '/api/runs?active=true&limit=10', schema: RunView.array().min(1) },
  { route: 'GET /api/runs/{id}', path: '/api/runs/run_1', schema: RunView },
  { route: 'GET /api/runs/{id}/events', path: '/api/runs/run_1/events?after=1', schema: EventView.array().length(1) },
  { route: 'POST /api/runs/{id}/cancel', path: '/api/runs/run_1/cancel', schema: RunView },
  { route: 'GET /api/approvals', path: '/api/approvals?state=all', schema: ApprovalView.array().min(1) },
  {
    route: 'POST /api/approvals/{id}',
    path: '/api/approvals/apr_1',
    body: { decision: 'allow' },
    schema: ApprovalView,
  },
  { route: 'GET /api/artifacts', path: '/api/artifacts?runId=run_1', schema: ArtifactView.array().min(1) },
  { route: 'GET /api/budgets', schema: BudgetView.array().min(1) },
  { route: 'GET /api/session', schema: LoginView },
  { route: 'POST /api/login-links', schema: LoginLink },
  { route: 'POST /api/tokens', body: { note: 'ci' }, schema: NewToken },
  { route: 'GET /api/tokens', schema: TokenView.array().min(1) },
  { route: 'DELETE /api/tokens/{id}', schema: done },
  { route: 'POST /api/logout', schema: done },
];
/** Described, but not JSON. */
const OTHERS = [
  'GET /api/artifacts/{id}/content',
  'GET /api/blobs/{hash}',
  'GET /api/events',
  'GET /healthz',
  'GET /openapi.json',
];

let gateway: Gateway;
beforeAll(async () => {
  gateway = await createGateway();
  gateway.control.note('first');
  gateway.control.note('second');
});
afterAll(() => gateway[Symbol.asyncDispose]());

describe('the routes', () => {
  for (const { route, path, body, schema } of ROUTES) {
    it(`${route} answers in its schema`, async () => {
      const [method = '', template = ''] = route.split(' ');
      const token = route === 'DELETE /api/tokens/{id}' ? (await gateway.access.createToken('')).id : '';
      const reply = await gateway.fetch(path ?? template.replace('{id}', token), {
        method,
        viaSocket: true,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      expect(reply.status, gateway.logs.join()).toBe(200);
      schema.parse(reply.json());
      expect(reply.headers['content-type']).toBe('application/json');
    });
  }

  it('sends the same message once for the same clientMessageId', async () => {
    const body = JSON.stringify({ text: 'again', clientMessageId: 'one' });
    const reply = await gateway.fetch('/api/agents/operator/messages', { method: 'POST', body, viaSocket: true });
    expect(reply.json()).toMatchObject({ id: 'msg_one', text: 'hello' });
  });

  it.each([
    ['GET', '/api/agents/nobody', 404, 'not-found'],
    ['GET', '/api/runs/run_9/events', 404, 'not-found'],
    ['GET', '/api/blobs/../../etc/passwd', 404, 'not-found'],
    ['GET', '/api/blobs/xyz', 400, 'bad-request'],
    ['GET', '/api/runs?limit=501', 400, 'bad-request'],
    ['GET', '/api/runs?limit=-1', 400, 'bad-request'],
    ['GET', '/api/runs?active=maybe', 400, 'bad-request'],
    ['GET', '/api/messages/msg_one?wait=60001', 400, 'bad-request'],
    ['GET', '/api/nothing', 404, 'not-found'],
    ['PUT', '/api/agents', 404, 'not-found'],
    ['POST', '/api/approvals/apr_1', 400, 'bad-request'],
    ['GET', '/api/events', 400, 'bad-request'],
  ])('%s %s is refused with %i %s', async (method, path, status, code) => {
    const reply = await gateway.fetch(path, { method, viaSocket: true });
    expect(reply.status).toBe(status);
    expect(ErrorReply.parse(reply.json()).code).toBe(code);
  });

  it.each([
    ['not JSON', '{"text":', 'application/json'],
    ['another type', '{"text":"hello"}', 'text/plain'],
    ['an unknown key', '{"text":"hello","model":"x"}', 'application/json'],
    ['an empty text', '{"text":""}', 'application/json'],
    ['an array', '[]', 'application/json'],
  ])('a body that is %s is refused and nothing is sent', async (_what, body, type) => {
    const before = gateway.control.messages.length;
    const reply = await gateway.fetch('/api/agents/operator/messages', {
      method: 'POST',
      body,
      headers: { 'content-type': type },
      viaSocket: true,
    });
    expect(reply.status).toBe(400);
    expect(ErrorReply.parse(reply.json())).toMatchObject({ code: 'bad-request', remedy: expect.any(String) });
    expect(gateway.control.messages).toHaveLength(before);
  });

  it('tells an approval that came too late who decided', async () => {
    const decide = (decision: string) =>
      gateway.fetch('/api/approvals/apr_1', { method: 'POST', body: JSON.stringify({ decision }), viaSocket: true });
    await decide('allow');
    const late = await decide('deny');
    expect(late.status).toBe(409);
    expect(late.json()).toMatchObject({ code: 'conflict', message: 'Decided by owner.' });
    expect(gateway.control.deciders).toEqual([{ id: 'owner', surface: 'cli' }]);
  });

  it('answers a long poll when the message has ended', async () => {
    const sent = await gateway.control.send('operator', { text: 'slow', clientMessageId: 'slow' });
    const listening = gateway.control.listeners.size;
    const reply = gateway.fetch(`/api/messages/${sent.id}?wait=60000`, { viaSocket: true });
    await expect.poll(() => gateway.control.listeners.size).toBe(listening + 1);
    gateway.control.answer(sent.id, 'there');
    expect((await reply).json()).toMatchObject({ state: 'answered', answer: 'there' });
    expect(gateway.control.listeners.size).toBe(listening);
  });

  it('forgets a long poll whose client is gone', async () => {
    const sent = await gateway.control.send('operator', { text: 'gone', clientMessageId: 'gone' });
    const listening = gateway.control.listeners.size;
    const leave = new AbortController();
    const { authorization } = await gateway.token();
    const url = `${gateway.api.url}/api/messages/${sent.id}?wait=60000`;
    const reply = fetch(url, { headers: { authorization }, signal: leave.signal });
    await expect.poll(() => gateway.control.listeners.size).toBe(listening + 1);
    leave.abort();
    await expect(reply).rejects.toThrow();
    await expect.poll(() => gateway.control.listeners.size).toBe(listening);
  });

  it('answers a long poll when the time is up', async () => {
    const sent = await gateway.control.send('operator', { text: 'never', clientMessageId: 'never' });
    const reply = await gateway.fetch(`/api/messages/${sent.id}?wait=20`, { viaSocket: true });
    expect(reply.json()).toMatchObject({ state: 'received' });
  });

  it('says of an unknown error only an id that stands in the log', async () => {
    gateway.control.failure = new Error('password=hunter2 at /secret/place');
    const reply = await gateway.fetch('/api/status', { viaSocket: true });
    gateway.control.failure = new HoldfastError('internal', 'hunter2 again');
    const second = await gateway.fetch('/api/status', { viaSocket: true });
    gateway.control.failure = undefined;
    for (const { status, text } of [reply, second]) {
      expect(status).toBe(500);
      expect(text).not.toMatch(/hunter2|secret|\.ts/);
      const id = z.object({ details: z.object({ id: z.string() }) }).parse(JSON.parse(text)).details.id;
      expect(gateway.logs.some((line) => line.includes(id) && line.includes('hunter2'))).toBe(true);
    }
  });

  it('gives a known error its status, its remedy and when to come back', async () => {
    gateway.control.failure = new HoldfastError('vault.unreachable', 'The vault does not answer.', {
      remedy: 'holdfast doctor',
      retryAfterMs: 1_500,
    });
    const reply = await gateway.fetch('/api/status', { viaSocket: true });
    gateway.control.failure = undefined;
    expect(reply.status).toBe(503);
    expect(reply.headers['retry-after']).toBe('2');
    expect(reply.json()).toMatchObject({ code: 'vault.unreachable', remedy: 'holdfast doctor' });
  });
});

describe('the OpenAPI document', () => {
  interface Operation {
    summary?: string;
    operationId?: string;
    responses: Record<string, unknown>;
    parameters?: { name: string; in: string; required?: boolean; schema?: unknown }[];
  }
  const load = async (): Promise<{
    openapi: string;
    paths: Record<string, Record<string, Operation>>;
    components: unknown;
  }> => JSON.parse((await gateway.fetch('/openapi.json')).text);

  it('describes exactly the routes that there are', async () => {
    const { paths } = await load();
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(described.sort()).toEqual([...ROUTES.map(({ route }) => route), ...OTHERS].sort());
    for (const route of described.filter((name) => name.includes('/api/'))) {
      const [method = '', path = ''] = route.split(' ');
      const reply = await gateway.fetch(path.replace(/\{\w+\}/g, 'x'), { method });
      expect(reply.status, route).toBe(401);
    }
  });

  it('is OpenAPI 3.1: summaries, unique ids, refusals, and every reference leads somewhere', async () => {
    const document = await load();
    expect(document.openapi).toBe('3.1.0');
    const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
    expect(operations.filter(({ summary }) => !summary)).toEqual([]);
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    const text = JSON.stringify(document);
    const references = [...text.matchAll(/"\$ref":"#\/([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(references.length).toBeGreaterThan(100);
    for (const reference of new Set(references)) {
      const target = reference
        .split('/')
        .reduce<unknown>((at, key) => (at as Record<string, unknown>)?.[key], document);
      expect(target, reference).toBeDefined();
    }
    expect(text).not.toContain('"nullable"');
    for (const [path, methods] of Object.entries(document.paths)) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      for (const { parameters = [] } of Object.values(methods)) {
        const inPath = parameters.filter((parameter) => parameter.in === 'path');
        expect(
          inPath.map(({ name }) => name),
          path,
        ).toEqual(named);
        expect(inPath.every(({ required }) => required)).toBe(true);
        expect(parameters.every(({ schema }) => schema !== undefined)).toBe(true);
      }
    }
  });
});
