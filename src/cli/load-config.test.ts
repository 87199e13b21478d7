import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Home, homeAt } from '../base/home.ts';
import { HoldfastConfig } from '../protocol/config.ts';
import { loadConfig, requireConfig } from './load-config.ts';

let directory: string;
let home: Home;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-config-'));
  home = homeAt(directory);
  await mkdir(home.root, { recursive: true });
});
afterAll(() => rm(directory, { recursive: true }));

async function problemsOf(text: string): Promise<string[]> {
  await writeFile(home.configFile, text);
  const loaded = await loadConfig(home);
  return loaded.ok ? [] : loaded.problems.map((one) => `${one.path}: ${one.problem}`);
}

describe('loadConfig', () => {
  it('takes an absent file as all defaults', async () => {
    const loaded = await loadConfig(homeAt(join(directory, 'nothing')));
    expect(loaded.ok && loaded.config.server.port).toBe(7420);
    expect(loaded.ok && loaded.exists).toBe(false);
  });

  it('names line and column of a syntax error', async () => {
    expect(await problemsOf('{\n  "logLevel": nope\n}')).toEqual([
      "line 2, column 16: not valid JSON: unexpected token 'o'",
    ]);
    expect(await problemsOf('{\n  "server": {},\n}')).toEqual([
      'line 3, column 1: not valid JSON: expected double-quoted property name',
    ]);
    expect((await problemsOf('{"server": '))[0]).toContain('line 1, column 12');
  });

  it('reports every problem at once, with path and remedy', async () => {
    await writeFile(home.configFile, '{"server":{"port":70000,"hots":"x"},"modle":"a/b","logLevel":"loud"}');
    const failure = await requireConfig(home).catch((error: unknown) => error);
    const message = failure instanceof Error ? failure.message : '';
    for (const part of [
      '4 problems',
      'server.port',
      'server.hots: unknown key',
      'modle: unknown key',
      'logLevel',
      'fix:',
    ])
      expect(message).toContain(part);
  });

  it('refuses a file that is not an object', async () => {
    expect(await problemsOf('[]')).toHaveLength(1);
  });

  it('has every key and default in docs/configuration.md', async () => {
    const page = await readFile(join(import.meta.dirname, '../../docs/configuration.md'), 'utf8');
    const missing = Object.entries(flatten(HoldfastConfig.parse({}))).filter(
      ([key, value]) => !page.includes(`| \`${key}\` | \`${value}\` |`),
    );
    expect(missing).toEqual([]);
    expect(page).toContain('| `model` | none |');
  });
});

function flatten(value: object, path = ''): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) =>
      typeof item === 'object' && item !== null
        ? Object.entries(flatten(item, `${path}${key}.`))
        : [[`${path}${key}`, item] as const],
    ),
  );
}
