import type { Home } from '../base/home.ts';
import type { Arguments } from './arguments.ts';
import type { Paint } from './render/paint.ts';

/** One flag of a command. `value` names what follows it; a flag without one is a switch. */
export interface Flag {
  readonly name: string;
  readonly short?: string;
  readonly value?: string;
  readonly help: string;
}

/** What a command may touch of the world. Only `main.ts` fills it from `process`. */
export interface CliContext {
  readonly home: Home;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Both ends are a terminal. */
  readonly interactive: boolean;
  readonly paint: Paint;
  /** Fires at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  print(line: string): void;
  warn(line: string): void;
}

/** Contract: `run` answers with the exit code; a thrown HoldfastError is shown with its remedy and exits 1. */
export interface Command {
  readonly summary: string;
  /** After `holdfast <name>`, e.g. `<agent> "text"`. */
  readonly usage: string;
  readonly flags: readonly Flag[];
  /** Fewest and most words that are not flags. */
  readonly words: readonly [number, number];
  /** Shown under the flags by `--help`. */
  readonly notes?: string;
  run(context: CliContext, args: Arguments): Promise<number>;
}

export const HOME_FLAG: Flag = { name: 'home', value: 'DIR', help: 'home directory (HOLDFAST_HOME, else ~/.holdfast)' };
export const JSON_FLAG: Flag = { name: 'json', help: 'print JSON' };
