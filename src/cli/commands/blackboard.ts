import { HoldfastError } from '../../protocol/error.ts';
import type { BlackboardEntry } from '../../protocol/mesh.ts';
import type { Command } from '../command.ts';
import { JSON_FLAG } from '../command.ts';
import { hostOf } from '../connect.ts';
import { oneLine, plainText } from '../render/plain-text.ts';
import { table } from '../render/table.ts';

const USAGE = 'list [prefix] | get <key> | set <key> <json> [--version N] [--ttl SECONDS] | remove <key>';

export const blackboard: Command = {
  summary: 'What agents share: read and mend it.',
  usage: USAGE,
  flags: [
    { name: 'version', value: 'N', help: 'write only if it has this version; 0: only if it is new' },
    { name: 'ttl', value: 'SECONDS', help: 'it is gone after so long' },
    JSON_FLAG,
  ],
  words: [1, 3],
  run: async (context, args) => {
    const { BlackboardEntry } = await import('../../protocol/mesh.ts');
    const host = hostOf(context.home);
    const [verb = '', key = '', value] = args.words;
    const list = (prefix: string): Promise<BlackboardEntry[]> =>
      host.ask(BlackboardEntry.array(), { method: 'GET', path: `/api/blackboard?${new URLSearchParams({ prefix })}` });
    const show = (entries: readonly BlackboardEntry[]): number => {
      if (args.has('json')) context.print(JSON.stringify(entries));
      else if (entries.length === 0) context.print('Nothing is there.');
      else for (const line of table(entries.map(row))) context.print(line);
      return 0;
    };
    if (verb === 'list') return show(await list(key));
    if (verb === 'get' && key !== '') return show((await list(key)).filter((entry) => entry.key === key));
    if (verb === 'set' && value !== undefined) {
      const body = {
        key,
        value: parseValue(value),
        ...numberFlag('expectedVersion', args.number('version', 0)),
        ...numberFlag('ttlSeconds', args.number('ttl', 1)),
      };
      return show([await host.ask(BlackboardEntry, { method: 'PUT', path: '/api/blackboard', body })]);
    }
    if (verb === 'remove' && key !== '') {
      const { z } = await import('zod');
      await host.ask(z.object({ done: z.boolean() }), {
        method: 'DELETE',
        path: `/api/blackboard?${new URLSearchParams({ key })}`,
      });
      context.print(`Removed ${key}; its history stays.`);
      return 0;
    }
    throw new HoldfastError('bad-request', `blackboard has no "${args.words.join(' ')}"`, {
      remedy: `Usage: holdfast blackboard ${USAGE}`,
    });
  },
};

const row = (entry: BlackboardEntry): string[] => [
  plainText(entry.key),
  `v${entry.version}`,
  entry.writtenBy,
  oneLine(JSON.stringify(entry.value), 80),
];

/** JSON where it is some, else the words themselves. */
function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const numberFlag = (name: string, value: number | undefined): Record<string, number> =>
  value === undefined ? {} : { [name]: value };
