import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { homeAt } from '../../src/base/home.ts';
import { supervisorStatus } from '../../src/cli/supervisor/control.ts';
import { identify } from '../../src/cli/supervisor/process-id.ts';
import { BIN } from './cli-process.ts';

const SLOW_MS = 120_000;
let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'hf-fg-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** As systemd or a container runs it: no terminal, ended by SIGTERM. */
describe('holdfast start --foreground', { timeout: SLOW_MS }, () => {
  it('stays until SIGTERM, then stops everything in order and exits with 0', async () => {
    const child = spawn(process.execPath, [BIN, 'start', '--foreground', '--port', '0'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH ?? '', HOLDFAST_HOME: home },
    });
    let output = '';
    const said = new Promise<void>((ready, failed) => {
      const read = (chunk: Buffer): void => {
        output += chunk.toString('utf8');
        if (output.includes('Ctrl-C stops it')) ready();
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.once('exit', () => failed(new Error(output)));
    });
    const ended = new Promise<number | null>((done) => child.once('exit', done));
    await said;
    const status = await supervisorStatus(homeAt(home).supervisorSocket);
    expect(status).toMatchObject({ foreground: true, pid: child.pid });
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    for (const one of status?.processes ?? []) expect(await identify(one.pid ?? 0), one.name).toBeUndefined();
    expect(existsSync(homeAt(home).supervisorPid)).toBe(false);
    expect(output).toContain('Stopped.');
  });
});
