import { existsSync, lstatSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { allowedNodeEnvironmentFlags } from 'node:process';
import type { Home } from './home.ts';
import { LEAN_MEMORY_FLAGS } from './release-memory.ts';

/** All that the vault needs of `node_modules`; `src/vault/import-graph.test.ts` keeps it true. */
export const VAULT_PACKAGES = ['zod', 'undici', 'ipaddr.js'] as const;

/**
 * The Node flags the vault is started with: `node <flags> src/vault/main.ts --home DIR`, after `prepareHome`. Under the
 * permission model it may read its code and its own directory and write its database and its sockets; it may start no
 * process and no worker thread, load no native add-on, and make no code from strings. What the permission model does not
 * limit is the network: that wall is the vault's own egress rules.
 *
 * `codeRoot` is the installation's root, where `package.json` is. Links are resolved, because the permission model
 * compares real paths.
 */
export function vaultNodeFlags(home: Home, codeRoot: string): string[] {
  const code = ['src', 'dist', 'data', 'package.json', ...packagePaths(codeRoot)];
  const readable = code.map((name) => join(codeRoot, name)).filter((path) => existsSync(path));
  const writable = [home.vaultDir, home.run];
  return [
    '--permission',
    ...withRealPaths([...readable, ...writable]).map((path) => `--allow-fs-read=${path}`),
    ...withRealPaths(writable).map((path) => `--allow-fs-write=${path}`),
    // Later lines of Node deny the network too unless told otherwise.
    ...(allowedNodeEnvironmentFlags.has('--allow-net') ? ['--allow-net'] : []),
    ...LEAN_MEMORY_FLAGS,
    '--disallow-code-generation-from-strings',
    '--disable-sigusr1',
    '--disable-proto=delete',
    '--disable-warning=ExperimentalWarning',
    '--disable-warning=SecurityWarning',
  ];
}

function withRealPaths(paths: readonly string[]): string[] {
  return [...new Set(paths.flatMap((path) => (existsSync(path) ? [path, realpathSync(path)] : [path])))];
}

/** Following a link needs the right to read the link, and Node grants that only with all behind it. */
function packagePaths(codeRoot: string): readonly string[] {
  const isLink = lstatSync(join(codeRoot, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
  return isLink ? ['node_modules'] : VAULT_PACKAGES.map((name) => join('node_modules', name));
}
