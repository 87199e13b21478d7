import { realpath, stat } from 'node:fs/promises';
import { basename, isAbsolute, join } from 'node:path';
import { HoldfastError } from '../../protocol/error.ts';
import type { Folder } from '../runs/spec.ts';

export interface AllowedPath {
  readonly path: string;
  readonly mode: 'ro' | 'rw';
}

/**
 * Resolves the folders that a task names: `~` expanded, links followed, existence checked. What comes back is what the
 * gate judges, what the person sees and what is mounted; nothing is ever inferred from the task's text.
 */
export async function resolveFolders(paths: readonly AllowedPath[], userHome: string): Promise<Folder[]> {
  const folders: Folder[] = [];
  for (const wanted of paths) {
    const path = await resolveFolder(wanted.path, userHome);
    folders.push({ path, mode: wanted.mode, target: freeTarget(path, folders) });
  }
  return folders;
}

async function resolveFolder(path: string, userHome: string): Promise<string> {
  const expanded = path === '~' || path.startsWith('~/') ? join(userHome, path.slice(1)) : path;
  if (!isAbsolute(expanded)) {
    throw new HoldfastError('tool.bad-input', `The path ${path} is not absolute.`, {
      remedy: 'Ask the user for the whole path, starting with / or ~.',
    });
  }
  const real = await realpath(expanded).catch(() => undefined);
  if (real === undefined || !(await stat(real)).isDirectory()) {
    throw new HoldfastError('tool.bad-input', `There is no folder ${path} on this machine.`, {
      remedy: 'Ask the user to check the path.',
    });
  }
  return real;
}

function freeTarget(path: string, taken: readonly Folder[]): string {
  const name = basename(path).replaceAll(/[^A-Za-z0-9._-]/g, '_') || 'folder';
  const target = `/work/${name}`;
  if (!taken.some((folder) => folder.target === target)) return target;
  return `${target}-${taken.length + 1}`;
}
