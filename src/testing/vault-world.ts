import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Home, homeAt, prepareHome } from '../base/home.ts';
import { createLogger } from '../base/logger.ts';
import { createVaultOwner, type VaultOwner } from '../cli/vault-owner.ts';
import { CALL_HEADERS, CallRecord } from '../protocol/vault-api.ts';
import { createVault, type Vault, type VaultConfig } from '../vault/vault.ts';

/** A vault in this process on a home of its own, with its owner's client; for tests. */
export interface VaultWorld extends AsyncDisposable {
  readonly home: Home;
  readonly owner: VaultOwner;
  readonly vault: Vault;
  readonly logs: string[];
  /** One request at the host's door. */
  host(path: string, options?: HostRequest): Promise<HostAnswer>;
  /** A model call with a call id of its own unless one is given. */
  model(path: string, body: unknown, options?: HostRequest): Promise<HostAnswer>;
  call(callId: string): Promise<CallRecord>;
  restart(change?: Partial<VaultConfig>): Promise<void>;
}

export interface HostRequest {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
  readonly callId?: string;
  readonly agent?: string;
  readonly signal?: AbortSignal;
  readonly socketPath?: string;
  readonly onChunk?: (chunk: Buffer) => void;
}

export interface HostAnswer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
  readonly text: string;
  /** The ErrorShape in `x-holdfast-error`. */
  readonly error: { code: string; message: string; remedy?: string; retryAfterMs?: number } | undefined;
}

export async function createVaultWorld(change: Partial<VaultConfig> = {}): Promise<VaultWorld> {
  const root = await mkdtemp(join(tmpdir(), 'hf-vault-'));
  const home = homeAt(root);
  await prepareHome(home);
  const logs: string[] = [];
  const logger = createLogger({ name: 'vault', level: 'debug', write: (line) => logs.push(line) });
  const config: VaultConfig = {
    home,
    key: { kind: 'none' },
    tcpPort: undefined,
    confinement: [],
    pid: 0,
    logger,
    ...change,
  };
  let vault = await createVault(config);
  let calls = 0;
  const send = (path: string, options: HostRequest = {}): Promise<HostAnswer> => hostRequest(home, path, options);
  return {
    home,
    owner: createVaultOwner({ socketPath: home.vaultOwnerSocket }),
    get vault() {
      return vault;
    },
    logs,
    host: send,
    model: (path, body, options = {}) => {
      calls += 1;
      return send(`/model/${path}`, {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body),
        ...options,
        headers: {
          [CALL_HEADERS.agent]: options.agent ?? 'tester',
          [CALL_HEADERS.call]: options.callId ?? `call-${calls}`,
          ...options.headers,
        },
      });
    },
    call: async (callId) => CallRecord.parse(JSON.parse((await send(`/calls/${callId}`)).text)),
    restart: async (again = {}) => {
      await vault[Symbol.asyncDispose]();
      vault = await createVault({ ...config, ...again });
    },
    [Symbol.asyncDispose]: async () => {
      await vault[Symbol.asyncDispose]();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** One request at the host's door of a vault. */
export function hostRequest(home: Home, path: string, options: HostRequest = {}): Promise<HostAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        socketPath: options.socketPath ?? home.vaultHostSocket,
        path,
        method: options.method ?? 'GET',
        headers: options.headers ?? {},
        agent: false,
        ...(options.signal ? { signal: options.signal } : {}),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          options.onChunk?.(chunk);
        });
        response.on('error', reject);
        response.on('end', () => {
          const body = Buffer.concat(chunks);
          const header = response.headers[CALL_HEADERS.error];
          const error =
            typeof header === 'string' ? JSON.parse(Buffer.from(header, 'base64url').toString('utf8')) : undefined;
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body,
            text: body.toString('utf8'),
            error,
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(options.body);
  });
}
