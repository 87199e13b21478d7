import { open, readFile, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

export interface LogLine {
  readonly name: string;
  readonly text: string;
}
export interface LogFile {
  readonly name: string;
  readonly path: string;
}

const LOOK_MS = 200;

/** The newest lines of several logs together, oldest first. A rotated predecessor fills up what is missing. */
export async function lastLines(files: readonly LogFile[], count: number): Promise<LogLine[]> {
  const all = await Promise.all(files.map((file) => linesOf(file, count)));
  const timed = all.flat().sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  return count === 0 ? [] : timed.slice(-count);
}

async function linesOf(file: LogFile, count: number): Promise<(LogLine & { at: string })[]> {
  const current = await textOf(file.path);
  let lines = current.split('\n').filter(Boolean);
  if (lines.length < count) lines = [...(await textOf(`${file.path}.1`)).split('\n').filter(Boolean), ...lines];
  let at = '';
  // A line without a time of its own (a stack, a crash of Node) belongs to the one before it.
  return lines.slice(-count).map((text) => {
    at = /^\{"at":"([^"]+)"/.exec(text)?.[1] ?? at;
    return { name: file.name, text, at };
  });
}

function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => ''); // Not written yet.
}

/** Calls back for each line that is added, over rotations, until the signal fires. */
export async function followLogs(
  files: readonly LogFile[],
  onLine: (line: LogLine) => void,
  signal: AbortSignal,
): Promise<void> {
  const tails = await Promise.all(files.map(async (file) => ({ file, place: await sizeOf(file.path), rest: '' })));
  while (!signal.aborted) {
    for (const tail of tails) {
      const size = await sizeOf(tail.file.path);
      if (size < tail.place) tail.place = 0;
      if (size === tail.place) continue;
      const lines = (tail.rest + (await slice(tail.file.path, tail.place, size))).split('\n');
      tail.place = size;
      tail.rest = lines.pop() ?? '';
      for (const text of lines) onLine({ name: tail.file.name, text });
    }
    await delay(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  return found?.size ?? 0;
}

async function slice(path: string, from: number, to: number): Promise<string> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(to - from);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, from);
    return buffer.subarray(0, bytesRead).toString('utf8');
  } finally {
    await file.close();
  }
}
