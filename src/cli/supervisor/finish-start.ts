import { join } from 'node:path';
import { prepareHome } from '../../base/home.ts';
import { aborted } from '../../base/lifecycle.ts';
import { createLogger } from '../../base/logger.ts';
import type { Arguments } from '../arguments.ts';
import type { CliContext } from '../command.ts';
import { hostOf } from '../connect.ts';
import { requireConfig } from '../load-config.ts';
import { checkPort } from './check-port.ts';
import { clearLeftovers } from './claim-home.ts';
import { supervisorStatus } from './control.ts';
import { holdfastProcesses, isSimulated } from './holdfast-processes.ts';
import { openLog } from './rotating-log.ts';
import { createSupervisor } from './supervisor.ts';

export interface Launching {
  readonly port: number | undefined;
  readonly onProgress: (name: string, durationMs: number) => void;
  readonly launch: () => Promise<void>;
  /** Under way already. */
  readonly launched: Promise<void> | undefined;
}

/** What `holdfast start` does beside launching: see that it may, wait until all is up, greet, and open the chat. */
export async function finishStart(context: CliContext, args: Arguments, launching: Launching): Promise<number> {
  const { home } = context;
  const { port, launch, launched } = launching;
  await launched;
  const config = await requireConfig(home);
  const running = launched === undefined ? await supervisorStatus(home.supervisorSocket) : undefined;
  if (running !== undefined) {
    context.print(`Holdfast already runs in ${home.root} (process ${running.pid}).`);
    if (args.has('foreground') || port !== undefined) {
      context.warn('Stop it first to change how it runs: holdfast stop');
      return 1;
    }
  } else if (launched === undefined) {
    await clearLeftovers(home);
    await checkPort(config.server.host, port ?? config.server.port);
    if (args.has('foreground')) return inForeground(context, launching);
    await launch();
  }
  await welcome(context, isSimulated(config));
  if (!context.interactive || args.has('no-chat')) return 0;
  const { openChat } = await import('../chat/open-chat.ts');
  return openChat(context, undefined);
}

async function inForeground(context: CliContext, { port, onProgress }: Launching): Promise<number> {
  const { home, signal } = context;
  const config = await requireConfig(home);
  await prepareHome(home);
  using log = openLog(join(home.logs, 'supervisor.log'));
  const logger = createLogger({ name: 'supervisor', level: config.logLevel, write: log.write });
  {
    const processes = holdfastProcesses({ home, config, port, env: context.env });
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
