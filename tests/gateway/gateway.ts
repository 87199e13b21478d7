import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/logger.ts';
import { type Access, createAccess } from '../../src/host/access/access.ts';
import { type Api, type ApiOptions, createApi } from '../../src/host/api/api.ts';
import { createAuditSink } from '../../src/host/audit/sink.ts';
import { createHostSql, hostMigrations } from '../../src/host/database.ts';
import { HoldfastConfig } from '../../src/protocol/config.ts';
import { openSqliteStore } from '../../src/storage/sqlite/store.ts';
import { ArrayControl } from './array-control.ts';

/** The real gateway on a real port and a real unix socket, over a real database, with a `Control` of the test's. */
export interface Gateway extends AsyncDisposable {
  readonly api: Api;
  readonly control: ArrayControl;
  readonly access: Access;
  readonly clock: MovableClock;
  readonly socketPath: string;
  readonly directory: string;
  readonly logs: string[];
  fetch(path: string, options?: RawOptions): Promise<RawReply>;
  /** Signs a browser in and gives back the headers that its own page would send with a change. */
  browser(): Promise<{ cookie: string; headers: Record<string, string> }>;
  token(): Promise<{ id: string; authorization: string }>;
}

export interface RawOptions {
  readonly method?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string;
  readonly viaSocket?: boolean;
  readonly path?: string;
}

export interface RawReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  json(): unknown;
}

/** The system's clock, which a test can push forward. */
export interface MovableClock extends Clock {
  forwardMs: number;
}

export async function createGateway(
  options: Partial<Pick<ApiOptions, 'limits' | 'webRoot' | 'rates'>> & { server?: Record<string, unknown> } = {},
): Promise<Gateway> {
  const directory = await mkdtemp(join(tmpdir(), 'hf-gateway-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const store = stack.use(await openSqliteStore({ path: join(directory, 'host.db'), migrations: hostMigrations }));
  const clock = movableClock();
  const audit = createAuditSink({ store, sql: createHostSql(store.dialect), clock });
  const access = createAccess({ store, clock, audit });
  const control = new ArrayControl();
  const logs: string[] = [];
  const socketPath = join(directory, 'host.sock');
  const config = HoldfastConfig.parse({ server: { port: 0, ...options.server } });
  const log = createLogger({ name: 'test', level: 'debug', write: (line) => logs.push(line) });
  const webRoot = options.webRoot ?? join(directory, 'no-dashboard');
  const limits = options.limits ?? {};
  const rates = options.rates === undefined ? {} : { rates: options.rates };
  const api = stack.use(
    await createApi({ control, access, config, socketPath, webRoot, log, clock, version: '0.1.0', limits, ...rates }),
  );
  const owned = stack.move();
  const fetch: Gateway['fetch'] = (path, raw) => rawFetch({ port: api.port, socketPath }, path, raw);
  return {
    api,
    control,
    access,
    clock,
    socketPath,
    directory,
    logs,
    fetch,
    browser: async () => {
      const link = await api.createLoginLink();
      const reply = await fetch(new URL(link.url).pathname + new URL(link.url).search);
      const cookie = reply.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
      const session = JSON.parse((await fetch('/api/session', { headers: { cookie } })).text);
      return { cookie, headers: { cookie, origin: api.url, 'x-holdfast-csrf': session.csrf } };
    },
    token: async () => {
      const { id, token } = await access.createToken('test');
      return { id, authorization: `Bearer ${token}` };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function movableClock(): MovableClock {
  const clock: MovableClock = {
    forwardMs: 0,
    now: () => systemClock.now() + clock.forwardMs,
    sleep: (ms, signal) => systemClock.sleep(ms, signal),
  };
  return clock;
}

function rawFetch(
  where: { port: number; socketPath: string },
  path: string,
  { method = 'GET', headers = {}, body, viaSocket = false }: RawOptions = {},
): Promise<RawReply> {
  const target = viaSocket ? { socketPath: where.socketPath } : { host: '127.0.0.1', port: where.port };
  const json =
    body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      { ...target, path, method, headers: { ...json, ...headers }, agent: false },
      (reply) => {
        const parts: Buffer[] = [];
        reply.on('data', (part: Buffer) => parts.push(part));
        reply.on('error', reject);
        reply.on('end', () => {
          const text = Buffer.concat(parts).toString('utf8');
          resolve({ status: reply.statusCode ?? 0, headers: reply.headers, text, json: () => JSON.parse(text) });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Waits until the condition holds; the test fails with `what` when it does not within five seconds. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not within 5 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
