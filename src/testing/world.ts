import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { homeAt, prepareHome } from '../base/home.ts';
import { createLogger, type Logger } from '../base/logger.ts';
import { createVaultOwner, type VaultOwner } from '../cli/vault-owner.ts';
import { createHost, type Host } from '../host/host.ts';
import type { MessageView } from '../protocol/api.ts';
import { HoldfastConfig } from '../protocol/config.ts';
import type { ScenarioInput } from '../simulator/scenario.ts';
import { createSimulator, type Simulator } from '../simulator/simulator.ts';
import { createVault, type Vault } from '../vault/vault.ts';

/** The whole product in one process: vault, simulator and host on a temporary home, with real sockets and a real port. */
export interface World extends AsyncDisposable {
  readonly home: ReturnType<typeof homeAt>;
  readonly host: Host;
  readonly vault: Vault;
  readonly owner: VaultOwner;
  readonly simulator: Simulator;
  readonly logs: readonly string[];
  /** Sends a message and waits for its end. */
  ask(text: string, options?: { sessionId?: string; timeoutMs?: number }): Promise<MessageView>;
  settled(messageId: string, timeoutMs?: number): Promise<MessageView>;
}

export interface WorldOptions {
  readonly scenarios?: readonly ScenarioInput[];
  /** Default: the guided tour. */
  readonly model?: string;
  readonly config?: Record<string, unknown>;
}

const OWNER = { id: 'owner', surface: 'cli' } as const;

export async function createWorld(options: WorldOptions = {}): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const root = await mkdtemp(join(tmpdir(), 'holdfast-world-'));
  stack.defer(() => rm(root, { recursive: true, force: true }));
  const home = homeAt(root);
  await prepareHome(home);
  const logs: string[] = [];
  const log = createLogger({ name: 'world', level: 'debug', write: (line) => void logs.push(line) });
  const { simulator, vault, owner } = await startModelSide(home, { log, options, stack });
  const config = HoldfastConfig.parse({
    server: { port: 0 },
    ...(options.model === undefined ? {} : { model: options.model }),
    ...options.config,
  });
  const host = stack.use(await createHost({ home, config, pid: process.pid, log }));
  await sandboxProved(host);
  const settled = (id: string, timeoutMs = 60_000): Promise<MessageView> => waitForEnd(host, id, timeoutMs);
  const owned = stack.move();
  return {
    home,
    host,
    vault,
    owner,
    simulator,
    logs,
    settled,
    async ask(text, { sessionId, timeoutMs } = {}) {
      const message = await host.control.send(
        'operator',
        { text, ...(sessionId === undefined ? {} : { sessionId }) },
        OWNER,
      );
      return await settled(message.id, timeoutMs);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A test asks for the sandbox at once; a host that has just started is still finding out. */
async function sandboxProved(host: Host): Promise<void> {
  while ((await host.control.status()).sandbox.probing) await delay(10);
}

async function startModelSide(
  home: ReturnType<typeof homeAt>,
  { log, options, stack }: { log: Logger; options: WorldOptions; stack: AsyncDisposableStack },
): Promise<{ simulator: Simulator; vault: Vault; owner: VaultOwner }> {
  const simulator = stack.use(await createSimulator({ scenarios: options.scenarios ?? [] }));
  const vault = stack.use(
    await createVault({
      home,
      key: { kind: 'none' },
      tcpPort: undefined,
      confinement: [],
      pid: process.pid,
      logger: log.child('vault'),
    }),
  );
  const owner = createVaultOwner({ socketPath: home.vaultOwnerSocket });
  await owner.putProvider('simulator', {
    wire: 'openai-chat',
    baseUrl: `${simulator.url}/v1`,
    simulator: true,
    defaultModel: 'guide',
  });
  return { simulator, vault, owner };
}

/** Resolves when the message is terminal, woken by the journal and not by a clock. */
async function waitForEnd(host: Host, id: string, timeoutMs: number): Promise<MessageView> {
  const deadline = AbortSignal.timeout(timeoutMs);
  for (;;) {
    let wake = (): void => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    using _subscription = host.control.subscribe({ event: wake, live: () => {} });
    const message = await host.control.message(id);
    if (message.finishedAt !== null) return message;
    await Promise.race([woken, failAt(deadline, id)]);
  }
}

function failAt(deadline: AbortSignal, id: string): Promise<never> {
  return new Promise((_resolve, reject) => {
    const fail = (): void => reject(new Error(`The message ${id} did not end in time.`));
    if (deadline.aborted) fail();
    deadline.addEventListener('abort', fail, { once: true });
  });
}
