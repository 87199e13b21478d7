import { type Command, type Flag, HOME_FLAG } from './command.ts';

/** The `--help` page of one command. */
export function helpOf(name: string, command: Command): string {
  const rows = [...command.flags, HOME_FLAG, { name: 'help', short: 'h', help: 'show this page' }].map(rowOf);
  const width = Math.max(...rows.map(([left]) => left.length));
  const lines = [
    command.summary,
    '',
    `Usage: holdfast ${[name, command.usage].filter(Boolean).join(' ')}`,
    '',
    'Options',
    ...rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`),
  ];
  if (command.notes !== undefined) lines.push('', command.notes);
  return lines.join('\n');
}

function rowOf(flag: Flag): [string, string] {
  const short = flag.short === undefined ? '' : `-${flag.short}, `;
  return [`${short}--${flag.name}${flag.value === undefined ? '' : ` ${flag.value}`}`, flag.help];
}
