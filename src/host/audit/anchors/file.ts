import { mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Anchor } from './anchor.ts';

/** Appends a line per head. It counts as outside when it lies on another disk or mount than the home. */
export async function createFileAnchor({ path, home }: { path: string; home: string }): Promise<Anchor> {
  return {
    name: `file ${path}`,
    kind: 'file',
    outside: await isElsewhere(dirname(path), home),
    put: async ({ line }) => await appendLine(path, line),
  };
}

/** One write and a sync: a line is there whole or, after a power cut, cut short, which a reader skips. */
export async function appendLine(path: string, line: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, 'a', 0o600);
  try {
    await file.write(`${line}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

export async function isElsewhere(directory: string, home: string): Promise<boolean> {
  const device = async (path: string): Promise<number | undefined> => (await stat(path).catch(() => undefined))?.dev;
  const there = await device(directory);
  return there !== undefined && there !== (await device(home));
}
