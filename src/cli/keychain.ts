import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { HoldfastError } from '../protocol/error.ts';
import type { VaultOwner } from './vault-owner.ts';

/**
 * The short-lived unlocker: asks the OS keychain for the vault's master key and hands it over the owner's socket. The
 * vault itself may start no program. Linux uses `secret-tool` (libsecret), macOS `security`; the key goes through pipes,
 * never onto a command line, except where `security` takes a value no other way (its interactive mode, on stdin).
 */
export interface Keychain {
  /** The stored key; `undefined` when there is none. Throws when there is no keychain. */
  read(account: string): Promise<Buffer | undefined>;
  store(account: string, key: Buffer): Promise<void>;
}

interface Tool {
  readonly file: string;
  readonly read: (account: string) => readonly string[];
  readonly store: (account: string, value: string) => { args: readonly string[]; stdin: string };
}

const SERVICE = 'holdfast-vault';
const TOOLS: Readonly<Record<string, Tool>> = {
  linux: {
    file: 'secret-tool',
    read: (account) => ['lookup', 'service', SERVICE, 'account', account],
    store: (account, value) => ({
      args: ['store', '--label=Holdfast vault', 'service', SERVICE, 'account', account],
      stdin: value,
    }),
  },
  darwin: {
    file: 'security',
    read: (account) => ['find-generic-password', '-s', SERVICE, '-a', account, '-w'],
    store: (account, value) => ({
      args: ['-i'],
      stdin: `add-generic-password -U -s ${SERVICE} -a ${JSON.stringify(account)} -w ${value}\n`,
    }),
  },
};
const TIMEOUT_MS = 60_000;

export function createKeychain(platform: string, env: NodeJS.ProcessEnv): Keychain {
  const tool = TOOLS[platform];
  if (!tool) throw noKeychain(`there is no keychain for ${platform}`);
  return {
    read: async (account) => {
      const { code, out } = await runTool(tool.file, { args: tool.read(account), stdin: '', env });
      const key = Buffer.from(out.toString('utf8').trim(), 'base64');
      return code === 0 && key.length > 0 ? key : undefined;
    },
    store: async (account, key) => {
      const { args, stdin } = tool.store(account, key.toString('base64'));
      const { code } = await runTool(tool.file, { args, stdin, env });
      if (code !== 0) throw noKeychain(`${tool.file} ended with ${code}`);
    },
  };
}

/** Unlocks a vault whose key the keychain keeps. False when the vault does not wait for one. */
export async function unlockFromKeychain(owner: VaultOwner, keychain: Keychain, account: string): Promise<boolean> {
  const { locked, keySource } = await owner.status();
  if (!locked || keySource !== 'keychain') return false;
  const key = await keychain.read(account);
  if (!key) throw noKeychain(`it has no key for ${account}`);
  await owner.unlock(key);
  return true;
}

/** Stores a new key first and reads it back, so that nothing is sealed with a key that is not kept. */
export async function moveKeyToKeychain(owner: VaultOwner, keychain: Keychain, account: string): Promise<void> {
  const key = randomBytes(32);
  await keychain.store(account, key);
  const kept = await keychain.read(account);
  if (!kept?.equals(key)) throw noKeychain('it did not give back what was stored');
  await owner.setKeychainKey(key);
}

interface ToolCall {
  readonly args: readonly string[];
  readonly stdin: string;
  readonly env: NodeJS.ProcessEnv;
}

async function runTool(file: string, call: ToolCall): Promise<{ code: number | null; out: Buffer }> {
  const child = spawn(file, [...call.args], { stdio: ['pipe', 'pipe', 'ignore'], timeout: TIMEOUT_MS, env: call.env });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', (error) => reject(noKeychain(`${file} cannot be run (${error.message})`)));
    child.once('close', resolve);
  });
  // A tool that does not read its input is known by its exit code.
  child.stdin.on('error', () => undefined);
  child.stdin.end(call.stdin);
  const [code, out] = await Promise.all([ended, buffer(child.stdout)]);
  return { code, out };
}

function noKeychain(reason: string): HoldfastError {
  return new HoldfastError('vault.key-missing', `The OS keychain cannot be used: ${reason}.`, {
    remedy:
      'Unlock it and try again; on Linux install libsecret-tools. Or keep the key in its file, or use a passphrase.',
  });
}
