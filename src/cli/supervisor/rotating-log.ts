import { closeSync, fstatSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';

/** A log file of bounded size: `x.log`, and the two before it as `x.log.1` and `x.log.2`. */
export interface RotatingLog extends Disposable {
  write(chunk: string | Uint8Array): void;
}

const MAX_BYTES = 10_485_760;

/** Written synchronously, so that the last words of a dying process are on disk. The file is private to the user. */
export function openLog(path: string, maxBytes = MAX_BYTES): RotatingLog {
  let file = openSync(path, 'a', 0o600);
  let size = fstatSync(file).size;
  const rotate = (): void => {
    closeSync(file);
    rmSync(`${path}.2`, { force: true });
    move(`${path}.1`, `${path}.2`);
    move(path, `${path}.1`);
    file = openSync(path, 'a', 0o600);
    size = 0;
  };
  return {
    write: (chunk) => {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      if (size > 0 && size + bytes.length > maxBytes) rotate();
      try {
        writeSync(file, bytes);
        size += bytes.length;
      } catch {
        // A full disk must not take down what is being logged.
      }
    },
    [Symbol.dispose]: () => closeSync(file),
  };
}

function move(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch {
    // The first rotations find nothing to move.
  }
}
