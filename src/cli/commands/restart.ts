import type { Arguments } from '../arguments.ts';
import type { CliContext, Command } from '../command.ts';
import { requireConfig } from '../load-config.ts';
import { duration } from '../render/units.ts';
import { checkPort } from '../supervisor/check-port.ts';
import { askSupervisor, supervisorStatus } from '../supervisor/control.ts';
import { launchSupervisor } from '../supervisor/launch.ts';
import { stopHome } from '../supervisor/stop.ts';

export const restart: Command = {
  summary: 'Stop Holdfast and start it again with the port it had. Nothing that runs is lost.',
  usage: '',
  flags: [],
  words: [0, 0],
  notes: 'When Holdfast runs in the foreground of another terminal, its host is restarted in place.',
  run: runRestart,
};

async function runRestart(context: CliContext, _args: Arguments): Promise<number> {
  const { home, print, paint } = context;
  const config = await requireConfig(home);
  const before = await supervisorStatus(home.supervisorSocket);
  if (before?.foreground) {
    await askSupervisor(home.supervisorSocket, { do: 'restart', process: 'host' });
    print('The host was restarted; it runs on in the foreground of its terminal.');
    return 0;
  }
  await stopHome(home);
  const port = before?.port ?? undefined;
  await checkPort(config.server.host, port ?? config.server.port);
  await launchSupervisor({
    home,
    port,
    env: context.env,
    onProgress: (name, ms) => print(`${paint.green('✓')} ${name} ready ${paint.dim(duration(ms))}`),
  });
  const after = await supervisorStatus(home.supervisorSocket);
  print(`Running at ${after?.url ?? 'its earlier address'}.`);
  return 0;
}
