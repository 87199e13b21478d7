/**
 * The next command's sandbox, made while the model thinks: a bubblewrap of its own, in its own control group, whose first
 * process waits at the gate and is told there what to run. It serves one command like any other and is gone with it; when
 * none comes for a while it is ended, so that an idle sandbox has no process.
 *
 * Only where nothing is looked up anew for each command (a way out is) and the kernel holds the limits.
 */
import { once } from 'node:events';
import type { Command } from '../launcher.ts';
import { type CommandPlace, type StartedCommand, startCommand } from './command.ts';

export interface Standby {
  /** Makes one unless it is there. */
  prepare(): void;
  /** The waiting one with the command begun in it; undefined: start it the usual way. */
  take(command: Command): StartedCommand | undefined;
  /** Ends the waiting one; resolves when its tree is gone. */
  end(): Promise<void>;
}

interface Waiting {
  readonly started: StartedCommand;
  readonly tell: (line: string) => void;
  readonly timer: NodeJS.Timeout;
}

const IDLE_MS = 30_000;
/** A shell reads a line from a pipe byte by byte. */
const LONGEST_LINE = 8_192;

export function createStandby(place: CommandPlace, idleMs = IDLE_MS): Standby {
  let waiting: Waiting | undefined;
  const isPossible =
    place.ground.groups?.kernel.has('processes') === true &&
    place.egressSocket === undefined &&
    place.trustFile === undefined;

  const end = async (): Promise<void> => {
    const one = waiting;
    waiting = undefined;
    if (one !== undefined) await discard(one);
  };

  return {
    prepare: () => {
      if (waiting !== undefined || !isPossible) return;
      const line = Promise.withResolvers<string>();
      try {
        const started = startCommand(place, { argv: ['true'] }, line.promise);
        started.stdin.on('error', () => undefined);
        started.child.on('error', () => undefined); // The command is then started the usual way, and says why it cannot.
        waiting = { started, tell: line.resolve, timer: setTimeout(() => void end(), idleMs) };
        waiting.timer.unref();
      } catch {
        // The same: the command itself will say why.
      }
    },
    take: (command) => {
      const one = waiting;
      if (one === undefined || command.cwd !== undefined || command.env !== undefined) return undefined;
      const line = quoted(command.argv);
      if (line.length > LONGEST_LINE) return undefined;
      waiting = undefined;
      if (hasEnded(one)) {
        void discard(one);
        return undefined;
      }
      clearTimeout(one.timer);
      one.tell(line);
      return one.started;
    },
    end,
  };
}

function hasEnded({ started: { child } }: Waiting): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

async function discard(one: Waiting): Promise<void> {
  const { child, kill, gone, stdout, stderr } = one.started;
  clearTimeout(one.timer);
  const exited = hasEnded(one) ? undefined : once(child, 'exit');
  kill();
  await exited;
  one.tell(''); // Nobody is there to read it any more; who waits for the gate may go on.
  stdout.resume();
  stderr.resume();
  await gone();
}

/** One line from which the shell at the gate makes exactly these words; `nl` is its name for a line's end. */
export function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", `'\\''`).replaceAll('\n', `'"$nl"'`)}'`).join(' ');
}
