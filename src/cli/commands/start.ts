import { join } from 'node:path';
import { prepareHome } from '../../base/home.ts';
import { aborted } from '../../base/lifecycle.ts';
import { createLogger } from '../../base/logger.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { Arguments } from '../arguments.ts';
import type { CliContext, Command } from '../command.ts';
import { hostOf } from '../connect.ts';
import { requireConfig } from '../load-config.ts';
import { duration } from '../render/units.ts';
import { checkPort } from '../supervisor/check-port.ts';
import { clearLeftovers } from '../supervisor/claim-home.ts';
import { supervisorStatus } from '../supervisor/control.ts';
import { holdfastProcesses, isSimulated } from '../supervisor/holdfast-processes.ts';
import { launchSupervisor } from '../supervisor/launch.ts';
import { openLog } from '../supervisor/rotating-log.ts';
import { createSupervisor } from '../supervisor/supervisor.ts';

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

async function runStart(context: CliContext, args: Arguments): Promise<number> {
  const { home } = context;
  const port = portOf(args);
  const config = await requireConfig(home);
  const running = await supervisorStatus(home.supervisorSocket);
  if (running !== undefined) {
    context.print(`Holdfast already runs in ${home.root} (process ${running.pid}).`);
    if (args.has('foreground') || port !== undefined) {
      context.warn('Stop it first to change how it runs: holdfast stop');
      return 1;
    }
  } else {
    await clearLeftovers(home);
    await checkPort(config.server.host, port ?? config.server.port);
    if (args.has('foreground')) return inForeground(context, port);
    const onProgress = progress(context);
    await launchSupervisor({ home, port, env: context.env, onProgress });
  }
  await welcome(context, isSimulated(config));
  if (!context.interactive || args.has('no-chat')) return 0;
  const { openChat } = await import('../chat/open-chat.ts');
  return openChat(context, undefined);
}

async function inForeground(context: CliContext, port: number | undefined): Promise<number> {
  const { home, signal } = context;
  const config = await requireConfig(home);
  await prepareHome(home);
  using log = openLog(join(home.logs, 'supervisor.log'));
  const logger = createLogger({ name: 'supervisor', level: config.logLevel, write: log.write });
  {
    const processes = holdfastProcesses({ home, config, port, env: context.env });
    const onProgress = progress(context);
    await using supervisor = await createSupervisor(
      { home, port, foreground: true, processes },
      { logger, onProgress },
    );
    await welcome(context, isSimulated(config));
    context.print('Running in the foreground; Ctrl-C stops it.');
    await Promise.race([aborted(signal), supervisor.stopRequested]);
    context.print('Stopping …');
  }
  context.print('Stopped.');
  return 0;
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

async function welcome(context: CliContext, simulated: boolean): Promise<void> {
  const { paint, print } = context;
  const link = await hostOf(context.home).createLoginLink();
  print(`\n${paint.bold('Dashboard')}  ${paint.cyan(link.url)}`);
  print(paint.dim('           The link signs one browser in, once. A new one: holdfast dashboard'));
  if (simulated) {
    print(`${paint.bold('Model')}      ${paint.yellow('the built-in simulator answers')}, no provider is set up`);
    print(paint.dim('           Use a real model: holdfast setup'));
  }
  print('');
}
