import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { VAULT_PACKAGES } from '../base/vault-flags.ts';

/**
 * Walks everything the vault process loads, our own files and the packages' own dependencies, from `main.ts` on. A new
 * dependency of the process that holds all keys has to be added here on purpose.
 */
const SRC = resolve(import.meta.dirname, '..');
const ROOMS = ['vault', 'protocol', 'policy', 'base', 'storage'];
const IMPORT =
  /(?:import|export)\s(?:[^'"]*?\sfrom\s)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|require\(\s*['"]([^'"]+)['"]\s*\)/g;

function graph(): { files: Set<string>; packages: Set<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: string): void => {
    if (files.has(file)) return;
    files.add(file);
    for (const match of readFileSync(file, 'utf8').matchAll(IMPORT)) {
      const specifier = match[1] ?? match[2] ?? match[3] ?? '';
      if (specifier.startsWith('.')) visit(resolve(dirname(file), specifier));
      else if (!specifier.startsWith('node:')) packages.add(packageOf(specifier));
    }
  };
  visit(join(SRC, 'vault/main.ts'));
  return { files, packages };
}

describe('what the vault process loads', () => {
  const { files, packages } = graph();

  it('comes from its own rooms', () => {
    expect(files.size).toBeGreaterThan(40);
    const foreign = [...files]
      .map((file) => relative(SRC, file))
      .filter((file) => !ROOMS.includes(file.split('/')[0] ?? ''));
    expect(foreign).toEqual([]);
  });

  it('and from three packages', () => {
    expect([...packages].sort()).toEqual([...VAULT_PACKAGES].sort());
  });

  it('which bring no package of their own', () => {
    const require = createRequire(import.meta.url);
    for (const name of VAULT_PACKAGES) {
      const manifest = JSON.parse(readFileSync(findManifest(require.resolve(name), name), 'utf8'));
      expect([name, Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })]).toEqual([name, []]);
    }
  });

  it('and uses no way around the wall or the streams', () => {
    const words = /\b(?:eval\(|new Function\(|globalThis\.fetch|child_process|worker_threads)/;
    const own = [...files].filter((file) => relative(SRC, file).startsWith('vault/'));
    expect(own.filter((file) => words.test(readFileSync(file, 'utf8')))).toEqual([]);
  });
});

/** `undici/lib/dispatcher/pool.js` is of `undici`, `@a/b/c` of `@a/b`. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function findManifest(entry: string, name: string): string {
  const marker = join('node_modules', name);
  return join(entry.slice(0, entry.lastIndexOf(marker) + marker.length), 'package.json');
}
