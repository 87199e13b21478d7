import { HoldfastError } from '../../protocol/error.ts';
import type { Arguments } from '../arguments.ts';
import { closest } from '../closest.ts';
import type { CliContext, Command } from '../command.ts';
import { logFormatter } from '../render/log-format.ts';
import { followLogs, type LogLine, lastLines } from '../render/log-lines.ts';

const NAMES = ['supervisor', 'vault', 'simulator', 'host'];
const DEFAULT_LINES = 50;

export const logs: Command = {
  summary: 'Show the last lines of the logs, oldest first.',
  usage: '[supervisor|vault|simulator|host] [-f] [-n N]',
  flags: [
    { name: 'follow', short: 'f', help: 'go on showing new lines until Ctrl-C' },
    { name: 'lines', short: 'n', value: 'N', help: `how many lines (default ${DEFAULT_LINES})` },
    { name: 'raw', help: 'as written: one JSON object per line' },
  ],
  words: [0, 1],
  run: runLogs,
};

async function runLogs(context: CliContext, args: Arguments): Promise<number> {
  const { home, print, signal } = context;
  const names = namesOf(args.words[0]);
  const count = Math.floor(args.number('lines', 0) ?? DEFAULT_LINES);
  const format = args.has('raw') ? (line: LogLine) => line.text : logFormatter(context.paint);
  const files = names.map((name) => ({ name, path: `${home.logs}/${name}.log` }));
  for (const line of await lastLines(files, count)) print(format(line));
  if (args.has('follow')) await followLogs(files, (line) => print(format(line)), signal);
  return 0;
}

function namesOf(name: string | undefined): readonly string[] {
  if (name === undefined) return NAMES;
  if (NAMES.includes(name)) return [name];
  const near = closest(name, NAMES);
  throw new HoldfastError('bad-request', `there is no log "${name}"`, {
    remedy: near ? `Did you mean: holdfast logs ${near}` : `The logs are: ${NAMES.join(', ')}`,
  });
}
