import { spawn } from 'node:child_process';
import { processEntry } from '../../base/entry.ts';
import type { Command } from '../command.ts';
import { environmentFor } from '../supervisor/environment.ts';

export const simulator: Command = {
  summary: 'Run the built-in model simulator by itself: a local server that speaks the wire formats of real providers.',
  usage: '[--port N] [--scenario FILE]',
  flags: [
    { name: 'port', value: 'N', help: 'port on 127.0.0.1 (default: a free one)' },
    { name: 'scenario', value: 'FILE', help: 'scenario file that scripts its answers (docs/simulator.md)' },
  ],
  words: [0, 0],
  run: async (context, args) => {
    const scenario = args.text('scenario');
    const child = spawn(
      process.execPath,
      [
        processEntry(import.meta.url, '../../simulator/main'),
        '--port',
        String(args.number('port', 0) ?? 0),
        ...(scenario === undefined ? [] : ['--scenario', scenario]),
      ],
      { stdio: ['ignore', 'inherit', 'inherit'], env: environmentFor('simulator', context.env) },
    );
    context.signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
    return new Promise((resolve) => {
      child.once('error', () => resolve(1));
      child.once('exit', (code) => resolve(code ?? 0));
    });
  },
};
