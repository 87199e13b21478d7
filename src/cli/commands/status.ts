import type { StatusView } from '../../protocol/api.ts';
import type { CliContext, Command } from '../command.ts';
import { JSON_FLAG } from '../command.ts';
import { hostOf } from '../connect.ts';
import { table } from '../render/table.ts';
import { duration } from '../render/units.ts';
import { type SupervisorStatus, supervisorStatus } from '../supervisor/control.ts';

export const status: Command = {
  summary: 'Show what runs and what is wrong with it. Exit code: 0 all well, 1 degraded, 3 not running.',
  usage: '[--json]',
  flags: [JSON_FLAG],
  words: [0, 0],
  run: async (context, args) => {
    const { home } = context;
    const [supervisor, host] = await Promise.all([
      supervisorStatus(home.supervisorSocket),
      hostOf(home)
        .status()
        .catch(() => undefined),
    ]);
    const problems = problemsOf(supervisor, host);
    const running = supervisor !== undefined || host !== undefined;
    const state = !running ? 'stopped' : problems.length > 0 ? 'degraded' : 'ok';
    if (args.has('json'))
      context.print(JSON.stringify({ running, state, home: home.root, problems, supervisor, host }));
    else show(context, { supervisor, host, problems });
    return state === 'ok' ? 0 : state === 'stopped' ? 3 : 1;
  },
};

interface Shown {
  readonly supervisor: SupervisorStatus | undefined;
  readonly host: StatusView | undefined;
  readonly problems: readonly string[];
}

function problemsOf(supervisor: SupervisorStatus | undefined, host: StatusView | undefined): string[] {
  const found = [...(supervisor?.problems ?? []), ...(host?.problems ?? [])];
  if (supervisor === undefined && host === undefined) found.push('Holdfast is not running. Remedy: holdfast start');
  else if (host === undefined) found.push('The host does not answer. Remedy: holdfast logs');
  return found;
}

function show({ print, paint, home }: CliContext, { supervisor, host, problems }: Shown): void {
  const now = Date.now();
  if (host !== undefined) {
    print(`${paint.bold('Holdfast')} ${host.version} at ${paint.cyan(host.url)}, up ${duration(now - host.startedAt)}`);
    const model = host.simulated ? paint.yellow(`${host.model} (the built-in simulator)`) : host.model;
    const missing = host.sandbox.probing ? paint.yellow('being tried out') : paint.red('none');
    const launcher = host.sandbox.available ? host.sandbox.launcher : missing;
    const rows = [
      ['  home', home.root],
      ['  model', model],
      ['  sandbox', host.sandbox.available ? `${launcher}, ${limitsOf(host)}` : launcher],
      [
        '  vault',
        host.vault ? `${host.vault.keySource}, ${host.vault.confinement.join(', ') || 'unconfined'}` : 'gone',
      ],
      ['  runs', `${host.runs.active} active, ${host.runs.waiting} waiting`],
      ['  approvals', host.pendingApprovals === 0 ? 'none wait' : `${host.pendingApprovals} wait: holdfast pending`],
      ...(host.audit === undefined ? [] : [['  audit', auditLine(host.audit)]]),
    ];
    const width = Math.max(...rows.map(([name]) => name?.length ?? 0));
    for (const [name = '', value] of rows) print(`${paint.dim(name.padEnd(width))}  ${value}`);
  }
  if (supervisor !== undefined) {
    print('');
    const rows = supervisor.processes.map((one) => [
      `  ${one.name}`,
      one.state,
      one.pid === null ? '-' : String(one.pid),
      one.restarts === 0 ? '' : `${one.restarts} restarts, last: ${one.lastExit}`,
    ]);
    for (const line of table([['  process', 'state', 'pid', ''], ...rows])) print(line);
  }
  for (const { key, model, class: kind, until } of host?.vault?.keyHealth ?? []) {
    const what = model === '*' ? key : `${key} for ${model}`;
    print(`${paint.yellow('!')} ${what} is put aside for ${duration(Math.max(0, until - Date.now()))} (${kind})`);
  }
  for (const warning of host?.budgetWarnings ?? []) print(`${paint.yellow('!')} ${warning}`);
  for (const problem of problems) print(`${paint.red('!')} ${problem}`);
}

function auditLine({ rows, unanchored, unanchoredForMs, outside }: NonNullable<StatusView['audit']>): string {
  const open = unanchored === 0 ? 'all anchored' : `${unanchored} not anchored for ${duration(unanchoredForMs)}`;
  return `${rows} rows, ${open}${outside ? '' : ' (on this machine only)'}`;
}

function limitsOf(host: StatusView): string {
  // Wall time is always kept by a timer of ours; it is no weakness of this machine.
  const soft = Object.entries(host.sandbox.limits).flatMap(([name, how]) =>
    how === 'soft' && name !== 'wall' ? [name] : [],
  );
  return soft.length === 0 ? 'limits by the kernel' : `soft limits: ${soft.join(', ')}`;
}
