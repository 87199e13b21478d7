import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Home, homeAt, prepareHome } from '../../base/home.ts';
import { silentLogger } from '../../base/logger.ts';
import { askSupervisor, supervisorStatus } from './control.ts';
import type { ProcessSpec } from './managed-process.ts';
import { readPidFile, writePidFile } from './pid-file.ts';
import { identify, isAlive, signalProcess } from './process-id.ts';
import { createSupervisor, type SupervisorDeps } from './supervisor.ts';

const STEADY = `console.log(JSON.stringify({ready:true,port:1234,url:'http://x'})); setInterval(()=>{},1e6);`;
const STUBBORN = `process.on('SIGTERM',()=>{}); ${STEADY}`;

let directory: string;
let home: Home;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hf-sup-'));
  home = homeAt(directory);
  await prepareHome(home);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function child(name: string, script: string, more: Partial<ProcessSpec> = {}): ProcessSpec {
  const command = () => ({ file: process.execPath, args: ['-e', script], env: { PATH: process.env.PATH } });
  return { name, logFile: join(home.logs, `${name}.log`), command, ...more };
}

function supervise(processes: ProcessSpec[], deps: Partial<SupervisorDeps> = {}) {
  const config = { home, processes, foreground: true, port: undefined };
  return createSupervisor(config, { logger: silentLogger, stopMs: 300, ...deps });
}

async function until<T>(look: () => Promise<T | undefined | false> | T | undefined | false): Promise<T> {
  for (const deadline = Date.now() + 10_000; ; await delay(10)) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error('did not happen in time');
  }
}

describe('the supervisor', () => {
  it('starts all side by side, tells its status over the socket, and stops all', async () => {
    const order: string[] = [];
    const hostIsReady = Promise.withResolvers<void>();
    const vault = child('vault', STEADY, {
      afterReady: async () => {
        await hostIsReady.promise;
        order.push('vault');
      },
    });
    const host = child('host', STEADY, {
      afterReady: async (_ready, earlier) => {
        hostIsReady.resolve();
        await earlier;
        order.push('host');
      },
    });
    const supervisor = await supervise([vault, host]);
    expect(order).toEqual(['vault', 'host']);
    const status = await until(() => supervisorStatus(home.supervisorSocket));
    expect(status.processes.map((one) => [one.name, one.state])).toEqual([
      ['vault', 'up'],
      ['host', 'up'],
    ]);
    expect(status.url).toBe('http://x');
    const file = await until(async () => {
      const found = await readPidFile(home.supervisorPid);
      return found?.children.length === 2 && found;
    });
    await supervisor[Symbol.asyncDispose]();
    expect(await Promise.all(file.children.map(isAlive))).toEqual([false, false]);
    expect(await readPidFile(home.supervisorPid)).toBeUndefined();
    expect(await supervisorStatus(home.supervisorSocket)).toBeUndefined();
  });

  it('brings a killed process back at once, with its earlier port', async () => {
    const seen: (number | undefined)[] = [];
    const spec = child('host', STEADY);
    const command = (previous: { port?: number } | undefined) => {
      seen.push(previous?.port);
      return spec.command(undefined);
    };
    await using supervisor = await supervise([{ ...spec, command }]);
    const pid = supervisor.status.processes[0]?.pid ?? 0;
    const killedAt = Date.now();
    process.kill(pid, 'SIGKILL');
    await until(() => supervisor.status.processes.find((one) => one.state === 'up' && one.pid !== pid));
    expect(Date.now() - killedAt).toBeLessThan(3_000);
    expect(supervisor.status.processes[0]).toMatchObject({ restarts: 1, lastExit: 'killed by SIGKILL' });
    expect(seen).toEqual([undefined, 1234]);
  });

  it('stops retrying fast when a process keeps crashing, and says so', async () => {
    const marker = join(directory, 'crash');
    const script = `if(require('fs').existsSync(${JSON.stringify(marker)})) process.exit(7); ${STEADY}`;
    const restart = { windowMs: 60_000, limit: 3, baseMs: 1, maxMs: 5, loopingMs: 60_000 };
    await using supervisor = await supervise([child('host', script)], { restart });
    await writeFile(marker, '');
    process.kill(supervisor.status.processes[0]?.pid ?? 0, 'SIGKILL');
    await until(() => supervisor.status.processes[0]?.state === 'boot-loop');
    expect(supervisor.status.problems[0]).toMatch(/host keeps crashing.*exit code 7.*holdfast logs host/);
    await rm(marker);
    await askSupervisor(home.supervisorSocket, { do: 'restart', process: 'host' });
    expect(supervisor.status.processes[0]?.state).toBe('up');
  });

  it('stops what it already started when one does not start, and says why', async () => {
    const broken = child('host', `console.error('error: no room on the shelf'); process.exit(3)`);
    let vault = 0;
    const first = child('vault', STEADY, {
      afterReady: async () => {
        vault = (await readPidFile(home.supervisorPid))?.children[0]?.pid ?? 0;
      },
    });
    const failure = await supervise([first, broken]).catch((error: unknown) => error);
    expect(String(failure)).toContain('The host did not start: exit code 3. no room on the shelf');
    expect(vault === 0 ? undefined : await identify(vault)).toBeUndefined();
    expect(await readPidFile(home.supervisorPid)).toBeUndefined();
  });

  it('tells why the first did not start, not what came of it for the others', async () => {
    const broken = child('vault', `console.error('error: the key is gone'); process.exit(3)`);
    const waiting = child('simulator', STEADY, { afterReady: async (_ready, earlier) => void (await earlier) });
    const failure = await supervise([broken, waiting, child('host', STEADY)]).catch((error: unknown) => error);
    expect(String(failure)).toContain('The vault did not start: exit code 3. the key is gone');
    expect(await readPidFile(home.supervisorPid)).toBeUndefined();
  });

  it('passes on what a process says of itself when it cannot start', async () => {
    const words = `{"ready":false,"error":{"code":"port.in-use","message":"Port 7420 is taken.","remedy":"Use --port."}}`;
    const failure = await supervise([child('host', `console.log('${words}'); process.exitCode = 1`)]).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({
      code: 'port.in-use',
      message: 'The host did not start: Port 7420 is taken.',
      remedy: 'Use --port.',
    });
  });

  it('kills a process that ignores SIGTERM', async () => {
    const supervisor = await supervise([child('host', STUBBORN)]);
    const pid = supervisor.status.processes[0]?.pid ?? 0;
    await supervisor[Symbol.asyncDispose]();
    expect(await identify(pid)).toBeUndefined();
  });

  it('refuses a second start and forgives a stale pid file', async () => {
    {
      await using _first = await supervise([child('host', STEADY)]);
      await expect(supervise([child('host', STEADY)])).rejects.toMatchObject({ code: 'conflict' });
    }
    await writePidFile(home.supervisorPid, { supervisor: { pid: process.pid, startedAt: '1' }, children: [] });
    await using second = await supervise([child('host', STEADY)]);
    expect(second.status.processes[0]?.state).toBe('up');
  });

  it('ends what a killed supervisor left behind, and no stranger', async () => {
    const orphan = spawn(process.execPath, ['-e', STEADY], { stdio: 'ignore' });
    const id = await identify(orphan.pid ?? 0);
    const stranger = { name: 'vault', pid: process.pid, startedAt: 'another time' };
    const dead = { pid: 2 ** 22 + 1, startedAt: '1' };
    await writePidFile(home.supervisorPid, { supervisor: dead, children: [stranger, { name: 'host', ...id! }] });
    await using _next = await supervise([child('host', STEADY)]);
    expect(await isAlive(id!)).toBe(false);
  });

  it('keeps the output of its processes in their logs', async () => {
    await using _ = await supervise([child('host', `console.error('hello log'); ${STEADY}`)]);
    const text = await until(async () => {
      const log = await readFile(join(home.logs, 'host.log'), 'utf8');
      return log.includes('hello log') && log;
    });
    expect(text).toContain('"ready":true');
  });

  it('never signals a process that only has the same number', async () => {
    expect(await signalProcess({ pid: process.pid, startedAt: 'not me' }, 'SIGKILL')).toBe(false);
  });
});
