import { existsSync } from 'node:fs';
import { HoldfastError } from '../../protocol/error.ts';
import type { Arguments } from '../arguments.ts';
import type { CliContext, Command } from '../command.ts';
import { duration } from '../render/units.ts';
import { launchSupervisor } from '../supervisor/launch.ts';

export const start: Command = {
  summary: 'Start Holdfast. In a terminal the chat opens; leaving the chat leaves Holdfast running.',
  usage: '[--foreground] [--port N] [--no-chat]',
  flags: [
    { name: 'foreground', help: 'stay in the foreground until Ctrl-C (for systemd, containers)' },
    {
      name: 'port',
      value: 'N',
      help: 'port of the dashboard and API (default: server.port, 7420); 0 picks a free one',
    },
    { name: 'no-chat', help: 'do not open the chat' },
  ],
  words: [0, 0],
  run: runStart,
};

/** Where nothing can be running the supervisor is started first of all: it looks at everything itself, and we load the rest meanwhile. */
async function runStart(context: CliContext, args: Arguments): Promise<number> {
  const { home, env } = context;
  const port = portOf(args);
  const onProgress = progress(context);
  const launch = (): Promise<void> => launchSupervisor({ home, port, env, onProgress });
  const launched = args.has('foreground') || existsSync(home.supervisorSocket) ? undefined : launch();
  launched?.catch(() => undefined); // Told when it is waited for.
  const { finishStart } = await import('../supervisor/finish-start.ts');
  return finishStart(context, args, { port, onProgress, launch, launched });
}

function portOf(args: Arguments): number | undefined {
  const port = args.number('port', 0);
  if (port !== undefined && (!Number.isInteger(port) || port > 65_535))
    throw new HoldfastError('bad-request', `--port is "${port}"`, { remedy: 'Give a whole number from 0 to 65535.' });
  return port;
}

function progress(context: CliContext): (name: string, durationMs: number) => void {
  return (name, ms) => context.print(`${context.paint.green('✓')} ${name} ready ${context.paint.dim(duration(ms))}`);
}
