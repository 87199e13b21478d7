import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Which room of `src` may import which. Section 5.2 of the house style, as a test. */
const ALLOWED: Record<string, readonly string[]> = {
  protocol: [],
  policy: ['protocol'],
  base: [],
  storage: ['base', 'protocol'],
  sandbox: ['base', 'protocol'],
  vault: ['base', 'protocol', 'policy', 'storage'],
  host: ['base', 'protocol', 'policy', 'storage', 'sandbox'],
  cli: ['base', 'protocol'],
  simulator: ['base', 'protocol'],
};
const ROOT = resolve(import.meta.dirname, '..');
const SRC = join(ROOT, 'src');

function sources(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith('.ts') && !/\.(test|conformance)\.ts$/.test(entry.name) ? [path] : [];
  });
}

const IMPORT = /(?:^|\n)\s*(?:import|export)\s[^;]*?from\s+'([^']+)'|import\('([^']+)'\)/g;

function importsOf(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? '');
}

describe('the direction of imports', () => {
  for (const [room, allowed] of Object.entries(ALLOWED)) {
    it(`${room} imports only ${[...allowed, 'itself'].join(', ')}`, () => {
      const wrong = sources(join(SRC, room)).flatMap((file) =>
        importsOf(file)
          .filter((specifier) => specifier.startsWith('.'))
          .map((specifier) => relative(SRC, resolve(dirname(file), specifier)).split('/')[0] ?? '')
          .filter((target) => target !== room && !allowed.includes(target))
          .map((target) => `${relative(ROOT, file)} -> ${target}`),
      );
      expect(wrong).toEqual([]);
    });
  }

  it('protocol and policy use nothing but zod', () => {
    const wrong = ['protocol', 'policy'].flatMap((room) =>
      sources(join(SRC, room)).flatMap((file) =>
        importsOf(file).filter((specifier) => !specifier.startsWith('.') && specifier !== 'zod'),
      ),
    );
    expect(wrong).toEqual([]);
  });

  it('base uses nothing but what Node brings', () => {
    const wrong = sources(join(SRC, 'base')).flatMap((file) =>
      importsOf(file).filter((specifier) => !specifier.startsWith('.') && !specifier.startsWith('node:')),
    );
    expect(wrong).toEqual([]);
  });
});
