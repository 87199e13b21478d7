/** Small synchronous file operations on a control group file system, which is memory: each takes some microseconds. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export function read(directory: string, file: string): string {
  try {
    return readFileSync(join(directory, file), 'utf8');
  } catch {
    return ''; // The group or the file is not there; the caller asks for facts that are then absent.
  }
}

export function write(directory: string, file: string, value: string | number): void {
  writeFileSync(join(directory, file), String(value));
}

export function exists(directory: string, file: string): boolean {
  return existsSync(join(directory, file));
}

export function make(directory: string): void {
  mkdirSync(directory, { recursive: true });
}

/** The counter `key` in a `key value` file; 0 when absent. */
export function counter(directory: string, file: string, key: string): number {
  return Number(new RegExp(`^${key} ([0-9]+)$`, 'm').exec(read(directory, file))?.[1] ?? 0);
}

export function pidsIn(directory: string): number[] {
  return read(directory, 'cgroup.procs')
    .split('\n')
    .filter((line) => line !== '' && line !== '0')
    .map(Number);
}

/** True when the group is gone. */
export function removeGroup(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT';
  }
}

export function childrenOf(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [entry.name] : [],
    );
  } catch {
    return []; // Not there or not readable: nothing of ours.
  }
}
