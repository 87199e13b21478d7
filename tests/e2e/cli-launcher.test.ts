import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { homeAt } from '../../src/base/home.ts';
import { VERSION } from '../../src/base/version.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import { BIN, holdfast } from './cli-process.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const usage = readFileSync(join(ROOT, 'bin', 'usage.txt'), 'utf8');
let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'hf-cli-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

/** The machine's own Node, when it is older than the one the product needs. */
function olderNode(): string | undefined {
  const found = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => existsSync(path));
  if (found === undefined) return undefined;
  const version = execFileSync(found, ['--version'], { encoding: 'utf8' });
  return Number(version.slice(1).split('.')[0]) < 24 ? found : undefined;
}

describe('the launcher', () => {
  it('lists exactly the commands that exist', () => {
    const listed = [...usage.matchAll(/^ {2}([a-z-]+) {2,}\S/gm)].map((match) => match[1]);
    expect(listed.toSorted()).toEqual(Object.keys(COMMANDS).toSorted());
  });

  it('has the version of package.json everywhere', async () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(VERSION).toBe(version);
    expect((await holdfast(['version'], { home })).stdout).toBe(`${version}\n`);
  });

  it('finds sockets where the product puts them, also for a home with a long path', () => {
    const { runDirectory } = createRequire(import.meta.url)(join(ROOT, 'bin', 'status.js'));
    for (const directory of ['/home/ada/.holdfast', `/tmp/${'x'.repeat(120)}`, '/tmp/../tmp/a', `/${'ä'.repeat(42)}`])
      expect(runDirectory(directory)).toBe(homeAt(directory).run);
  });

  it('answers status --json without a running product, with exit code 3', async () => {
    const { code, stdout } = await holdfast(['status', '--json'], { home });
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ running: false, state: 'stopped', home });
  });

  it('works under an older Node by running itself with the newer one', async ({ skip }) => {
    const node = olderNode();
    if (node === undefined) return skip('this machine has no Node older than 24');
    const { code, stdout } = await holdfast(['config', 'show'], { home, node });
    expect(code).toBe(0);
    expect(JSON.parse(stdout).server.port).toBe(7420);
    const again = await holdfast(['config', 'show'], { home, node, env: { HOLDFAST_LAUNCHED: '1' } });
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('npm run setup');
  });
});

describe('a wrong command line', () => {
  it.each([
    [['strat'], 'unknown command "strat"', 'holdfast start'],
    [['frobnicate'], 'unknown command "frobnicate"', 'holdfast --help'],
    [['start', '--prot', '1'], 'unknown flag --prot', '--port'],
    [['start', '--port', '99999'], '--port is "99999"', '0 to 65535'],
    [['start', 'now'], 'start does not take "now"', 'Usage: holdfast start'],
    [['send', 'operator'], 'send needs more words', 'Usage: holdfast send'],
    [['token', 'crate'], 'token has no "crate"', 'token create'],
    [['logs', 'hots'], 'there is no log "hots"', 'holdfast logs host'],
  ])('%j is answered with what is wrong and the remedy', async (args, message, remedy) => {
    const { code, stdout, stderr } = await holdfast(args, { home });
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
    expect(stderr).toContain(remedy);
  });

  it('has a help page per command that names each flag', async () => {
    const { code, stdout } = await holdfast(['send', '--help'], { home });
    expect(code).toBe(0);
    for (const part of ['Usage: holdfast send', '--json', '--timeout SECONDS', '--home DIR'])
      expect(stdout).toContain(part);
    expect(stdout).not.toContain('--yes');
  });

  it('never repeats a key that stands on the command line', async () => {
    const { code, stderr } = await holdfast(['setup', '--provider', 'openai', '--api-key', 'sk-typed'], { home });
    expect(code).toBe(2);
    expect(stderr).toContain('--api-key-stdin');
    expect(stderr).not.toContain('sk-typed');
  });
});

describe('a start that cannot work', () => {
  it('lists three config problems together and starts nothing', async () => {
    const bad = join(home, 'three');
    await mkdir(bad);
    await writeFile(join(bad, 'config.json'), '{"server":{"port":"x"},"modle":"a/b","logLevel":"loud"}');
    for (const args of [['start'], ['config', 'check']]) {
      const { code, stdout, stderr } = await holdfast(args, { home: bad });
      expect(code).toBe(1);
      for (const part of ['3 problems', 'server.port', 'modle: unknown key', 'logLevel'])
        expect(stdout + stderr).toContain(part);
    }
    expect(existsSync(join(bad, 'vault'))).toBe(false);
  });

  it('says in one sentence that the port is taken', async () => {
    const server = createServer();
    const port = await new Promise<number>((done) => {
      server.listen(0, '127.0.0.1', () => done((server.address() as { port: number }).port));
    });
    const { code, stderr } = await holdfast(['start', '--port', String(port)], { home: join(home, 'port') });
    server.close();
    expect(code).toBe(1);
    expect(stderr).toContain(`Port ${port} on 127.0.0.1 is in use by another program. [port.in-use]`);
    expect(stderr).toContain(`holdfast start --port ${port + 1}`);
  });

  it('says how to start when nothing runs', async () => {
    const { code, stderr } = await holdfast(['send', 'operator', 'hello'], { home });
    expect(code).toBe(1);
    expect(stderr).toContain('holdfast start');
  });
});

it('the launcher is executable', () => {
  expect(readFileSync(BIN, 'utf8').startsWith('#!/usr/bin/env node\n')).toBe(true);
});
