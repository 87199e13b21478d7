import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { type Home, homeAt, prepareHome } from '../base/home.ts';
import { vaultNodeFlags } from '../base/vault-flags.ts';
import { createVaultOwner, type VaultOwner } from '../cli/vault-owner.ts';

const ROOT = resolve(import.meta.dirname, '../..');
export const VAULT_MAIN = join(ROOT, 'src/vault/main.ts');

/** A real vault process on a home of its own, with its loopback listener on. */
export interface VaultProcess extends AsyncDisposable {
  readonly home: Home;
  readonly owner: VaultOwner;
  readonly tcpPort: number;
  /** What it logged so far. */
  logs(): string;
}

export async function startVaultProcess(): Promise<VaultProcess> {
  const root = await mkdtemp(join(tmpdir(), 'hf-vault-'));
  const home = homeAt(root);
  await prepareHome(home);
  const args = [...vaultNodeFlags(home, ROOT), VAULT_MAIN, '--home', root, '--tcp-port', '0'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env: {} });
  let logs = '';
  child.stderr.on('data', (chunk: Buffer) => {
    logs += chunk.toString();
  });
  const ended = once(child, 'exit');
  const first = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended]);
  const line: unknown = typeof first[0] === 'string' ? JSON.parse(first[0]) : undefined;
  if (typeof line !== 'object' || line === null || !('tcpPort' in line) || typeof line.tcpPort !== 'number')
    throw new Error(`the vault did not start: ${JSON.stringify(line)} ${logs}`);
  return {
    home,
    owner: createVaultOwner({ socketPath: home.vaultOwnerSocket }),
    tcpPort: line.tcpPort,
    logs: () => logs,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended;
      await rm(root, { recursive: true, force: true });
    },
  };
}
