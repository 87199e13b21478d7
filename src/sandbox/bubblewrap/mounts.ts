/**
 * Which folders of the host may appear in a sandbox. The caller resolved and approved the path; this is the second
 * look, right before use: a path that is or became a symlink, and anything that would show Holdfast's own state or the
 * machine's, is refused. `openMount` repeats the identity check for every command, because a folder that another mount
 * lets an agent write can be swapped between two commands; bubblewrap then binds the very inode that we opened.
 */
import { closeSync, constants, fstatSync, openSync, readlinkSync } from 'node:fs';
import { lstat, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, normalize, relative } from 'node:path';
import { HoldfastError } from '../../protocol/error.ts';
import type { Mount } from '../launcher.ts';

const O_PATH = 0o10000000;

/** Neither these nor anything in them. */
const PRIVATE_TREES = [
  '/proc',
  '/sys',
  '/dev',
  '/run',
  '/var/run',
  '/boot',
  '/etc',
  '/var/lib/docker',
  '/var/lib/private',
];
/** Not these as a whole; a folder in them may be fine. */
const TOO_WIDE = [
  '/',
  '/root',
  '/home',
  '/usr',
  '/var',
  '/var/lib',
  '/opt',
  '/srv',
  '/mnt',
  '/media',
  '/tmp',
  '/var/tmp',
];
const PRIVATE_NAMES = ['.ssh', '.gnupg', '.aws', '.azure', '.kube', '.docker', '.password-store'];
const TAKEN_TARGETS = [
  '/proc',
  '/sys',
  '/dev',
  '/data',
  '/tmp',
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/lib32',
  '/lib64',
  '/libx32',
  '/etc',
  '/run',
  '/var',
];

export interface CheckedMount extends Mount {
  readonly device: number;
  readonly inode: number;
}

export interface MountRules {
  readonly home: string;
  /** The host is root and the sandbox is not: a folder must be readable for others. */
  readonly readsAsOther: boolean;
}

export async function checkMounts(mounts: readonly Mount[], rules: MountRules): Promise<CheckedMount[]> {
  const checked: CheckedMount[] = [];
  for (const mount of mounts) {
    checkTarget(mount.target);
    if (mounts.some((other) => other !== mount && isInside(mount.target, other.target)))
      throw refuse(mount.target, 'its place inside lies in that of another mount', 'Give every folder its own place.');
    checked.push(await checkSource(mount, rules));
  }
  return checked;
}

function checkTarget(target: string): void {
  const clean = isAbsolute(target) && normalize(target) === target && target !== '/' && !target.endsWith('/');
  if (!clean || TAKEN_TARGETS.some((taken) => isInside(target, taken)))
    throw refuse(target, 'it is not a free absolute path inside', 'Use a path such as /work/name.');
}

async function checkSource(mount: Mount, rules: MountRules): Promise<CheckedMount> {
  const { source } = mount;
  if (!isAbsolute(source)) throw refuse(source, 'it is not an absolute path', 'Name the whole path.');
  const real = await realpath(source).catch(() => undefined);
  if (real === undefined) throw refuse(source, 'it does not exist or cannot be reached', 'Correct the path.');
  if (real !== source) throw refuse(source, `it is a link to ${real}`, 'Name the folder itself.');
  const reason = privateReason(source, rules.home);
  if (reason) throw refuse(source, reason, 'Choose a folder that holds only what the agent needs.');
  const info = await lstat(source);
  if (!info.isDirectory() && !info.isFile())
    throw refuse(source, 'it is neither a folder nor a file', 'Choose a folder or a file.');
  if (rules.readsAsOther && !readableByOthers(info.mode, info.isDirectory()))
    throw refuse(
      source,
      'only its owner may read it, and a sandbox never runs as root',
      `Make it readable (chmod -R o+rX ${source}), or run Holdfast as the user who owns it.`,
    );
  return { ...mount, device: info.dev, inode: info.ino };
}

function privateReason(source: string, home: string): string | undefined {
  if (isInside(source, home) || isInside(home, source)) return "it would show Holdfast's own state";
  if (TOO_WIDE.includes(source) || source === ownHome()) return 'it is too wide';
  if (PRIVATE_TREES.some((tree) => isInside(source, tree))) return 'it belongs to the system';
  if (source.split('/').some((part) => PRIVATE_NAMES.includes(part))) return 'it holds keys';
  return undefined;
}

function ownHome(): string | undefined {
  try {
    return homedir();
  } catch {
    return undefined; // A user without a name and without HOME has none.
  }
}

function readableByOthers(mode: number, isDirectory: boolean): boolean {
  const needed = isDirectory ? 0o005 : 0o004;
  return (mode & needed) === needed;
}

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === '' || (way !== '..' && !way.startsWith('../'));
}

function refuse(path: string, reason: string, remedy: string): HoldfastError {
  return new HoldfastError('forbidden', `The sandbox cannot have ${path}: ${reason}.`, { remedy, details: { path } });
}

/** Opens the mount for one command; the caller closes the descriptor. Throws when it is not the same folder any more. */
export function openMount(mount: CheckedMount): number {
  const descriptor = openSync(mount.source, O_PATH | constants.O_NOFOLLOW);
  const info = fstatSync(descriptor);
  const same = info.dev === mount.device && info.ino === mount.inode;
  if (same && readlinkSync(`/proc/self/fd/${descriptor}`) === mount.source) return descriptor;
  closeSync(descriptor);
  throw new HoldfastError('forbidden', `The folder ${mount.source} was replaced since it was allowed.`, {
    remedy: 'Allow it again if that was you.',
  });
}
