import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Bare processes: what everything of ours is measured against. */
const BUBBLEWRAP =
  `--unshare-all --cap-drop ALL --die-with-parent --new-session --ro-bind /usr /usr --symlink usr/bin /bin
  --symlink usr/lib /lib --symlink usr/lib64 /lib64 --proc /proc --dev /dev --tmpfs /tmp --`.split(/\s+/);

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

export const runBareNode = (): Promise<void> => runProgram(process.execPath, ['-e', '0']);

export const runBareBubblewrap = (): Promise<void> => runProgram('bwrap', [...BUBBLEWRAP, 'sh', '-c', 'echo hi']);

async function runProgram(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: '/usr/bin:/bin' } });
  child.stdout.resume();
  child.stderr.resume();
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${program} ended with ${code}`);
}
