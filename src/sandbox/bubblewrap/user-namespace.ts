/**
 * The user namespace of a host that runs as root.
 *
 * Bubblewrap started by root maps its user to root itself: inside it looks like nobody, outside it is user 0, and the
 * kernel lets user 0 write /proc/sys without any capability (tried: core_pattern is writable, which is the host).
 * So a root host makes one user namespace beforehand in which the sandbox's user is really nobody and root is not root:
 *
 *   inside 0       -> outside 65533  an empty user that owns what must have an owner
 *   inside 65534   -> outside 65534  nobody: the sandbox
 *   inside 100000… -> outside 0…     everybody else, so that bubblewrap, while it still has its capabilities in there,
 *                                    can reach the folders it mounts
 *
 * No process stays: the open descriptor keeps the namespace. Further user namespaces below it are forbidden.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { SANDBOX_ID } from './arguments.ts';

const MAP = `0 ${SANDBOX_ID - 1} 1\n${SANDBOX_ID} ${SANDBOX_ID} 1\n100000 0 ${SANDBOX_ID - 1}\n`;
const READY_WITHIN_MS = 5_000;
const FORBID = 'echo 0 > /proc/sys/user/max_user_namespaces';

/** Returns the descriptor of the namespace. Throws what the kernel or `unshare` said. */
export async function openUserNamespace(): Promise<number> {
  const holder = spawn('unshare', ['--user', 'cat'], {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { PATH: '/usr/bin:/bin' },
  });
  const gone = once(holder, 'exit');
  try {
    const pid = await whenUnshared(holder);
    writeFileSync(`/proc/${pid}/uid_map`, MAP);
    writeFileSync(`/proc/${pid}/gid_map`, MAP);
    const descriptor = openSync(`/proc/${pid}/ns/user`, 'r');
    await forbidNesting(pid).catch((error: unknown) => {
      closeSync(descriptor);
      throw error;
    });
    return descriptor;
  } finally {
    holder.kill('SIGKILL');
    await gone.catch(() => undefined);
  }
}

async function whenUnshared(holder: ChildProcess): Promise<number> {
  const failed = new Promise<never>((_, reject) => {
    holder.once('error', reject);
    holder.once('exit', (code) => reject(new Error(`unshare ended with code ${code}: a user namespace was refused`)));
  });
  failed.catch(() => undefined);
  const pid = holder.pid;
  if (pid === undefined) return failed;
  const own = readlinkSync('/proc/self/ns/user');
  const deadline = performance.now() + READY_WITHIN_MS;
  while (performance.now() < deadline) {
    if (namespaceOf(pid) !== own && namespaceOf(pid) !== undefined) return pid;
    await Promise.race([delay(2), failed]);
  }
  throw new Error('unshare made no user namespace within 5 s');
}

function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/user`);
  } catch {
    return undefined; // It ended; `failed` says why.
  }
}

async function forbidNesting(pid: number): Promise<void> {
  const args = [`--user=/proc/${pid}/ns/user`, '-S', '0', '-G', '0', '/bin/sh', '-c', FORBID];
  await promisify(execFile)('nsenter', args, { env: { PATH: '/usr/bin:/bin' }, timeout: READY_WITHIN_MS });
}
