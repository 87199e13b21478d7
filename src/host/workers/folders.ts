import { realpath, stat } from 'node:fs/promises';
import { basename, isAbsolute, join } from 'node:path';
import { isWithin } from '../../policy/paths.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { Folder } from '../runs/spec.ts';
import type { ToolCaller } from '../tools/tool.ts';

export interface AllowedPath {
  readonly path: string;
  readonly mode: 'ro' | 'rw';
}

/**
 * Resolves the folders that a task names: `~` expanded, links followed, existence checked. What comes back is what the
 * gate judges, what the person sees and what is mounted; nothing is ever inferred from the task's text. A worker may hand
 * on only what it was given itself, by the names it knows, and nothing that a link in there leads out to.
 */
export async function resolveFolders(
  paths: readonly AllowedPath[],
  { userHome, caller }: { userHome: string; caller: Pick<ToolCaller, 'kind' | 'folders'> },
): Promise<Folder[]> {
  const folders: Folder[] = [];
  for (const wanted of paths) {
    const path =
      caller.kind === 'worker'
        ? await ownFolder(wanted, caller.folders ?? [])
        : await resolveFolder(wanted.path, userHome);
    if (folders.some((folder) => folder.path === path && (folder.mode === 'rw' || wanted.mode === 'ro'))) continue;
    folders.push({ path, mode: wanted.mode, target: freeTarget(path, folders) });
  }
  return folders;
}

async function ownFolder(wanted: AllowedPath, held: readonly Folder[]): Promise<string> {
  const folder = held.find((one) => isWithin(wanted.path, one.target));
  if (folder === undefined || (wanted.mode === 'rw' && folder.mode === 'ro')) {
    const names = held.map((one) => `${one.target} (${one.mode})`).join(', ') || 'none';
    throw new HoldfastError('tool.bad-input', `You cannot hand on ${wanted.path} (${wanted.mode}).`, {
      remedy: `Your own folders: ${names}.`,
    });
  }
  const real = await realFolder(join(folder.path, wanted.path.slice(folder.target.length)), wanted.path);
  if (isWithin(real, folder.path)) return real;
  throw new HoldfastError('tool.bad-input', `${wanted.path} leads out of ${folder.target}.`, {
    remedy: 'Name a folder inside it.',
  });
}

async function resolveFolder(path: string, userHome: string): Promise<string> {
  const expanded = path === '~' || path.startsWith('~/') ? join(userHome, path.slice(1)) : path;
  if (!isAbsolute(expanded)) {
    throw new HoldfastError('tool.bad-input', `The path ${path} is not absolute.`, {
      remedy: 'Ask the user for the whole path, starting with / or ~.',
    });
  }
  return await realFolder(expanded, path);
}

async function realFolder(path: string, named: string): Promise<string> {
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined || !(await stat(real)).isDirectory()) {
    throw new HoldfastError('tool.bad-input', `There is no folder ${named} on this machine.`, {
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
