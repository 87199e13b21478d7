import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { createLogger } from '../../src/base/logger.ts';
import { createHost, type Host } from '../../src/host/host.ts';
import { HoldfastConfig } from '../../src/protocol/config.ts';
import { SIMULATOR_PROVIDER } from '../../src/protocol/provider.ts';
import { createSimulator } from '../../src/simulator/simulator.ts';
import { createVaultWorld } from '../../src/testing/vault-world.ts';

/** The whole product on a home of its own: vault, simulator, host with its gateway, in this process, on a free port. */
export interface Product extends AsyncDisposable {
  readonly host: Host;
  readonly url: string;
  /** A fresh one-time login link. */
  loginLink(): Promise<string>;
}

export async function startProduct(): Promise<Product> {
  await using stack = new AsyncDisposableStack();
  const vault = stack.use(await createVaultWorld());
  const simulator = stack.use(await createSimulator());
  await vault.owner.putProvider(SIMULATOR_PROVIDER, {
    wire: 'openai-chat',
    baseUrl: `${simulator.url}/v1`,
    simulator: true,
    defaultModel: 'guide',
  });
  const config = HoldfastConfig.parse({ server: { port: 0 } });
  const log = createLogger({ name: 'host', level: 'warn', write: (line) => process.stderr.write(line) });
  const host = stack.use(await createHost({ home: vault.home, config, pid: process.pid, log }));
  const owned = stack.move();
  return {
    host,
    url: host.api.url,
    loginLink: async () => (await host.api.createLoginLink()).url,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const WEB = resolve(import.meta.dirname, '../../web');

/** Builds the dashboard where the host looks for it, unless it is there and newer than its sources. */
export async function buildDashboard(): Promise<void> {
  const built = await stat(join(WEB, 'dist/index.html')).catch(() => undefined);
  if (built && built.mtimeMs > (await newestChange())) return;
  const vite = resolve(WEB, '../node_modules/vite/bin/vite.js');
  // The test runner's own NODE_ENV would bring React's development build.
  const env = { ...process.env, NODE_ENV: 'production' };
  await promisify(execFile)(process.execPath, [vite, 'build'], { cwd: WEB, timeout: 60_000, env });
}

async function newestChange(): Promise<number> {
  const entries = await readdir(join(WEB, 'src'), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const own = ['index.html', 'vite.config.ts', 'public/theme.js'].map((name) => join(WEB, name));
  return Math.max(...(await Promise.all([...files, ...own].map(async (file) => (await stat(file)).mtimeMs))));
}
