/**
 * Where this process stands in the control groups of the machine. A machine has the one tree of version 2, a tree for
 * each controller of version 1, or both at once; a container sees a part of a tree, mounted from a root that is not `/`.
 */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

export interface Hierarchies {
  /** Directory of our own group in version 2, and where that tree is mounted. */
  readonly unified: { readonly own: string; readonly top: string } | undefined;
  /** Directory of our own group, by controller of version 1. */
  readonly legacy: ReadonlyMap<string, string>;
}

interface MountLine {
  readonly type: string;
  readonly root: string;
  readonly point: string;
  readonly options: readonly string[];
}

export function readHierarchies(): Hierarchies {
  return parseHierarchies(readFileSync('/proc/self/mountinfo', 'utf8'), readFileSync('/proc/self/cgroup', 'utf8'));
}

export function parseHierarchies(mountinfo: string, groups: string): Hierarchies {
  const mounts = mountinfo.split('\n').flatMap(parseMount);
  const legacy = new Map<string, string>();
  let unified: Hierarchies['unified'];
  for (const line of groups.split('\n')) {
    const [id, names, path] = splitGroup(line);
    if (id === undefined || path === undefined) continue;
    const controllers = (names ?? '').split(',').filter((name) => name !== '');
    const mount = mounts.find((candidate) =>
      id === '0' ? candidate.type === 'cgroup2' : controllers.some((name) => isFor(candidate, name)),
    );
    const own = mount && directoryOf(mount, path);
    if (mount === undefined || own === undefined) continue;
    if (id === '0') unified = { own, top: mount.point };
    else for (const name of controllers) legacy.set(name, own);
  }
  return { unified, legacy };
}

function splitGroup(line: string): readonly (string | undefined)[] {
  const match = /^([0-9]+):([^:]*):(\/.*)$/.exec(line);
  return match ? match.slice(1) : [];
}

/** `36 35 0:30 /root /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory` */
function parseMount(line: string): MountLine[] {
  const [before, after] = line.split(' - ');
  const fields = before?.split(' ') ?? [];
  const [type, , options] = after?.split(' ') ?? [];
  if (type !== 'cgroup' && type !== 'cgroup2') return [];
  return [{ type, root: fields[3] ?? '/', point: fields[4] ?? '', options: options?.split(',') ?? [] }];
}

function isFor(mount: MountLine, controller: string): boolean {
  return mount.type === 'cgroup' && mount.options.includes(controller);
}

function directoryOf(mount: MountLine, path: string): string | undefined {
  const below = relative(mount.root, path);
  return below.startsWith('..') ? undefined : join(mount.point, below);
}
