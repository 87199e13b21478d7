/**
 * What one host process prepares once so that a command costs one spawn: found programs, the copied /etc, the filter
 * bytes, the user namespace and the control groups. Everything is marked with the host's token and removed at the end.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, statSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { arch } from 'node:os';
import { join } from 'node:path';
import { HoldfastError } from '../../protocol/error.ts';
import { findGroups } from '../cgroup/find-groups.ts';
import type { LimitGroups } from '../cgroup/limit-group.ts';
import { ownUser } from '../process-table.ts';
import { isSupported, seccompFilter } from '../seccomp/filter.ts';
import { inheritedDescriptors } from './descriptors.ts';
import { makeMemoryFolder } from './memory-folder.ts';
import { INSTALL_REMEDY, namespaceRemedy } from './remedy.ts';
import { findProgram, prepareEtc, programArguments } from './root-files.ts';
import { hostToken } from './token.ts';
import { openUserNamespace } from './user-namespace.ts';

export interface Ground {
  readonly token: string;
  readonly bwrap: string;
  readonly directory: string;
  /** Where `etc` is, unless it is in `directory`. */
  readonly memory: string | undefined;
  readonly etc: string;
  readonly filter: string;
  readonly programs: readonly string[];
  readonly procEntries: ReadonlySet<string>;
  /** Only for a root host. */
  readonly userNamespace: number | undefined;
  readonly isRoot: boolean;
  /** Undefined: the watchdog enforces. */
  readonly groups: LimitGroups | undefined;
  /** Fills the places of descriptors that would leak. */
  readonly blank: number;
  readonly leaks: readonly number[];
}

export interface GroundOptions {
  readonly home: string;
  readonly scratch: string;
  readonly limits: 'auto' | 'soft';
  readonly program: string | undefined;
}

export async function prepareGround(options: GroundOptions): Promise<Ground> {
  const architecture = arch();
  if (!isSupported(architecture))
    throw unavailable(`there is no system call filter for ${architecture}`, 'Run Holdfast on x86-64 or arm64.');
  const bwrap = await findProgram(options.program ?? 'bwrap');
  if (bwrap === undefined) throw unavailable('bubblewrap is not installed', INSTALL_REMEDY);
  const isRoot = ownUser() === 0;
  const userNamespace = isRoot ? await tryUserNamespace() : undefined;
  const token = hostToken(options.home);
  const directory = join(options.scratch, token);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const { etc, memory } = await placeEtc(token, directory);
  const filter = join(directory, 'filter');
  await writeFile(filter, seccompFilter(architecture), { mode: 0o600 });
  return {
    ...{ token, bwrap, directory, memory, etc, filter, userNamespace, isRoot },
    programs: await programArguments(),
    procEntries: await openProcEntries(),
    groups: options.limits === 'auto' ? await findGroups(token) : undefined,
    blank: openSync('/dev/null', 'r+'),
    leaks: inheritedDescriptors(),
  };
}

/** In memory where there is some, else on the disk. */
async function placeEtc(token: string, directory: string): Promise<Pick<Ground, 'etc' | 'memory'>> {
  const memory = makeMemoryFolder(token);
  if (memory !== undefined)
    try {
      await prepareEtc(join(memory, 'etc'));
      return { etc: join(memory, 'etc'), memory };
    } catch {
      await rm(memory, { recursive: true, force: true }); // Full: the disk tells more if that fails, too.
    }
  await prepareEtc(join(directory, 'etc'));
  return { etc: join(directory, 'etc'), memory: undefined };
}

export async function clearGround(ground: Ground): Promise<void> {
  ground.groups?.dispose();
  closeSync(ground.blank);
  if (ground.userNamespace !== undefined) closeSync(ground.userNamespace);
  const folders = [ground.directory, ...(ground.memory === undefined ? [] : [ground.memory])];
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
}

async function openProcEntries(): Promise<Set<string>> {
  const names = await readdir('/proc');
  const modeOf = (name: string): number => statSync(`/proc/${name}`, { throwIfNoEntry: false })?.mode ?? 0;
  return new Set(names.filter((name) => (modeOf(name) & 0o004) !== 0));
}

/** A fresh name below the host's token, for one command. */
export const commandName = (): string => randomBytes(6).toString('hex');

async function tryUserNamespace(): Promise<number> {
  try {
    return await openUserNamespace();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw unavailable(`the kernel refused a user namespace (${reason.trim()})`, await namespaceRemedy(), error);
  }
}

export function unavailable(reason: string, remedy: string, cause?: unknown): HoldfastError {
  return new HoldfastError('sandbox.unavailable', `No sandbox can be made here: ${reason}.`, { remedy, cause });
}
