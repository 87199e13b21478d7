/** Proves by doing: makes a container, writes a file in its volume and looks at the isolation from inside. */
import { HoldfastError } from '../../protocol/error.ts';
import { EXPECTED, proveIsolation } from '../bubblewrap/probe.ts';
import type { Launcher, Probe } from '../launcher.ts';
import type { Ground } from './ground.ts';

const REMEDY =
  'Read the log of the engine (journalctl -u docker); it must run on this machine, with seccomp and without remapped users.';
/** Runtimes with a kernel of their own do not show the filter and the flag in /proc, for theirs hold. */
const OWN_KERNEL = /^(?:runsc|kata|io\.containerd\.(?:runsc|kata))/;

export async function probeEngine(
  getGround: () => Promise<Ground>,
  create: Launcher['create'],
  options: { readonly runtime: string | undefined; readonly signal: AbortSignal },
): Promise<Probe> {
  const { runtime, signal } = options;
  let ground: Ground | undefined;
  try {
    ground = await getGround();
    const { wrong } = await proveIsolation(create, {
      directory: ground.scratch,
      signal,
      expected: expectedOf(runtime),
    });
    const limits = limitsOf(ground);
    if (wrong !== undefined) return { available: false, reason: wrong, remedy: REMEDY, limits };
    return { available: true, reason: reasonOf(ground, runtime), remedy: '', limits };
  } catch (error) {
    const failure = HoldfastError.from(error, 'sandbox.unavailable');
    return { available: false, reason: failure.message, remedy: failure.remedy ?? REMEDY, limits: limitsOf(ground) };
  }
}

function expectedOf(runtime: string | undefined): Readonly<Record<string, string>> {
  if (runtime === undefined || !OWN_KERNEL.test(runtime)) return EXPECTED;
  return { CapEff: EXPECTED.CapEff, CapBnd: EXPECTED.CapBnd };
}

function reasonOf({ engine, info }: Ground, runtime: string | undefined): string {
  const which = `the container engine ${info.ServerVersion} on ${engine.socketPath}`;
  return `A command ran in a container of ${which}${runtime === undefined ? '' : ` with the runtime ${runtime}`}.`;
}

/** What the engine says its kernel enforces. Nothing of ours watches in its place. */
function limitsOf(ground: Ground | undefined): Probe['limits'] {
  const of = (holds: boolean | undefined): 'kernel' | 'soft' => (holds ? 'kernel' : 'soft');
  const { MemoryLimit, CpuCfsQuota, PidsLimit } = ground?.info ?? {};
  return {
    ...{ memory: of(MemoryLimit), cpu: of(CpuCfsQuota), processes: of(PidsLimit) },
    ...{ fileSize: 'kernel', wall: 'soft' },
  };
}
