import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../base/logger.ts';
import { createVaultClient, type VaultClient } from '../host/vault-client/vault-client.ts';
import type { WireFormat } from '../protocol/provider.ts';
import type { CallRecord, VaultStatus } from '../protocol/vault-api.ts';

/** A unix-socket server with the vault's routes that answers model calls with bytes a test wrote by hand. */
export interface ModelVault extends AsyncDisposable {
  readonly client: VaultClient;
  readonly socketPath: string;
  readonly received: readonly ReceivedCall[];
  answer: (call: ReceivedCall) => Answer;
  /** Base URL that calls are piped to, byte for byte, instead of being answered by hand. */
  upstream: string | undefined;
  status: () => VaultStatus;
  ledger: (callId: string) => Partial<CallRecord> | undefined;
  /** Calls whose connection the client closed before the answer ended. */
  readonly abandoned: string[];
}

export interface ReceivedCall {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  // biome-ignore lint/suspicious/noExplicitAny: bodies of four wire formats, read by tests only
  readonly body: any;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly chunks?: readonly (string | Uint8Array)[];
  /** What happens after the last chunk: a clean end, a reset, or silence. */
  readonly ending?: 'end' | 'reset' | 'hang';
}

export const sse = (...events: readonly unknown[]): Answer => ({
  chunks: events.map((event) => `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`),
});

export const namedSse = (...events: readonly { type: string }[]): Answer => ({
  chunks: events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`),
});

export async function createModelVault(wire: WireFormat, providers: readonly string[] = ['test']): Promise<ModelVault> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-models-'));
  const socketPath = join(directory, 'vault.sock');
  const received: ReceivedCall[] = [];
  const abandoned: string[] = [];
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const client = createVaultClient({ socketPath, log: silentLogger });

  const vault: ModelVault = {
    client,
    socketPath,
    received,
    abandoned,
    answer: () => ({ status: 500 }),
    upstream: undefined,
    status: () => statusOf(wire, providers),
    ledger: () => ({ state: 'settled', costUsd: 0.25 }),
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(directory, { recursive: true, force: true });
    },
  };

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    if (path === '/status') return json(response, 200, vault.status());
    if (path.startsWith('/calls/')) {
      const callId = decodeURIComponent(path.slice('/calls/'.length));
      const row = vault.ledger(callId);
      if (row === undefined) return json(response, 404, { code: 'not-found', message: 'no such call' });
      return json(response, 200, { ...EMPTY_ROW, callId, ...row });
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const call = { path, headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString('utf8')) };
    received.push(call);
    response.on('close', () => {
      if (!response.writableEnded) abandoned.push(String(request.headers['x-holdfast-call']));
    });
    if (vault.upstream === undefined) await send(response, vault.answer(call));
    else pipe(call, vault.upstream, response);
  }
  return vault;
}

function pipe(call: ReceivedCall, upstream: string, response: ServerResponse): void {
  const url = `${upstream}${call.path.replace(/^\/model\/[^/]+/, '')}`;
  const { host: _, 'content-length': __, ...headers } = call.headers;
  const outgoing = httpRequest(url, { method: 'POST', headers }, (incoming) => {
    response.writeHead(incoming.statusCode ?? 502, incoming.headers);
    response.flushHeaders();
    incoming.on('error', () => response.destroy());
    incoming.pipe(response);
  });
  outgoing.on('error', () => response.destroy());
  response.on('close', () => outgoing.destroy());
  outgoing.end(JSON.stringify(call.body));
}

async function send(response: ServerResponse, answer: Answer): Promise<void> {
  response.writeHead(answer.status ?? 200, { 'content-type': 'text/event-stream', ...answer.headers });
  response.flushHeaders();
  for (const chunk of answer.chunks ?? []) {
    await new Promise((resolve) => response.write(chunk, resolve));
  }
  if (answer.ending === 'reset') response.socket?.destroy();
  else if (answer.ending !== 'hang') response.end();
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

const EMPTY_ROW: Omit<CallRecord, 'callId'> = {
  agent: 'operator',
  team: null,
  run: null,
  task: null,
  provider: 'test',
  model: 'm',
  state: 'settled',
  reservedUsd: 1,
  costUsd: 0,
  tokens: 0,
  inputTokens: null,
  outputTokens: null,
  cachedInputTokens: null,
  reasoningTokens: null,
  startedAt: 0,
  finishedAt: null,
};

function statusOf(wire: WireFormat, providers: readonly string[]): VaultStatus {
  return {
    version: '0',
    pid: 1,
    locked: false,
    confinement: [],
    keySource: 'key-file',
    providers: providers.map((id) => ({
      id,
      wire,
      baseUrl: 'https://models.example/v1',
      hasKey: true,
      needsKey: true,
      simulator: false,
    })),
    priceData: { date: '2026-11-01', source: 'test', models: 0 },
  };
}
