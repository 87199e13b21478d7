/** Proves by doing: makes a sandbox, writes a file in it and looks at the isolation from inside. */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { SandboxLimits } from '../../protocol/config.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { Launcher, Probe } from '../launcher.ts';
import { commandName, type Ground } from './ground.ts';
import { failureRemedy } from './remedy.ts';

const LOOK =
  'echo ok > /data/probe && cat /data/probe && grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status';
const WITHIN_MS = 15_000;
export const EXPECTED = { CapEff: '0000000000000000', CapBnd: '0000000000000000', NoNewPrivs: '1', Seccomp: '2' };

export async function probeGround(
  getGround: () => Promise<Ground>,
  create: Launcher['create'],
  signal: AbortSignal,
): Promise<Probe> {
  let ground: Ground | undefined;
  try {
    ground = await getGround();
    const { wrong, stderr } = await proveIsolation(create, { directory: ground.directory, signal });
    if (wrong === undefined) return { available: true, reason: reasonOf(ground), remedy: '', limits: limitsOf(ground) };
    return { available: false, reason: wrong, remedy: await failureRemedy(stderr), limits: limitsOf(ground) };
  } catch (error) {
    const failure = HoldfastError.from(error, 'sandbox.unavailable');
    const remedy = failure.remedy ?? (await failureRemedy(failure.message));
    return { available: false, reason: failure.message, remedy, limits: limitsOf(ground) };
  }
}

/** Makes a sandbox of any launcher and looks at itself from inside. `wrong`: what is not as it must be. */
export async function proveIsolation(
  create: Launcher['create'],
  options: { directory: string; signal: AbortSignal; expected?: Readonly<Record<string, string>> },
): Promise<{ readonly wrong: string | undefined; readonly stderr: string }> {
  const { directory, signal, expected = EXPECTED } = options;
  const volume = join(directory, `probe-${commandName()}`);
  try {
    await using sandbox = await create({ id: 'probe', volume, mounts: [], limits: SandboxLimits.parse({}), env: {} });
    const process = sandbox.spawn({ argv: ['sh', '-c', LOOK], timeoutMs: WITHIN_MS, signal });
    process.stdin.end();
    const [stdout, stderr, exit] = await Promise.all([text(process.stdout), text(process.stderr), process.exit]);
    if (exit.reason === 'exited' && exit.code === 0) return { wrong: missingIsolation(stdout, expected), stderr };
    return { wrong: `a command in a sandbox ${exit.detail}${stderr ? `: ${stderr.trim()}` : ''}`, stderr };
  } finally {
    await rm(volume, { recursive: true, force: true });
  }
}

function missingIsolation(seen: string, expected: Readonly<Record<string, string>>): string | undefined {
  if (!seen.startsWith('ok\n')) return 'a sandbox could not write to its volume';
  for (const [name, value] of Object.entries(expected)) {
    const found = new RegExp(`^${name}:\\s*(\\S+)$`, 'm').exec(seen)?.[1];
    if (found !== value) return `inside a sandbox ${name} is ${found ?? 'unknown'} where it must be ${value}`;
  }
  return undefined;
}

function reasonOf(ground: Ground): string {
  const soft = Object.entries(limitsOf(ground)).flatMap(([name, how]) =>
    how === 'soft' && name !== 'wall' ? [name] : [],
  );
  const limits =
    soft.length === 0 ? 'the kernel holds every limit' : `a watchdog holds the limits of ${soft.join(', ')}`;
  return `A command ran in a sandbox of ${ground.bwrap}; ${limits}.`;
}

function limitsOf(ground: Ground | undefined): Probe['limits'] {
  const of = (controller: 'memory' | 'cpu' | 'processes'): 'kernel' | 'soft' =>
    ground?.groups?.kernel.has(controller) ? 'kernel' : 'soft';
  return { memory: of('memory'), cpu: of('cpu'), processes: of('processes'), fileSize: 'kernel', wall: 'soft' };
}
