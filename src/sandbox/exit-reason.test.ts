import { describe, expect, it } from 'vitest';
import { type EndFacts, explainExit } from './exit-reason.ts';

const base: EndFacts = {
  code: 0,
  signal: null,
  hits: { memory: false, processes: false },
  durationMs: 1_500,
  wallMs: 1_000,
};

describe('how a command ended', () => {
  const table: [string, Partial<EndFacts>, object][] = [
    ['well', {}, { reason: 'exited', code: 0, detail: 'ended with code 0 after 1.5 s' }],
    ['by a signal inside', { code: 139 }, { reason: 'signalled', signal: 'SIGSEGV' }],
    [
      'too late',
      { cause: { reason: 'timeout' }, code: 137 },
      { reason: 'timeout', code: null, detail: 'ran 1.5 s and was stopped at its limit of 1.0 s' },
    ],
    [
      'stopped, though the kernel saw a limit too',
      { cause: { reason: 'aborted' }, hits: { memory: true, processes: false } },
      { reason: 'aborted' },
    ],
    ['out of memory', { code: 137, hits: { memory: true, processes: false } }, { reason: 'limit', limit: 'memory' }],
    ['well in spite of a limit', { code: 0, hits: { memory: true, processes: true } }, { reason: 'exited' }],
    [
      'out of processes',
      { code: 2, hits: { memory: false, processes: true } },
      { reason: 'limit', limit: 'processes' },
    ],
    ['with too large a file', { code: 153 }, { reason: 'limit', limit: 'fileSize' }],
    [
      'before it began',
      { code: 1, startFailure: 'no such program' },
      { reason: 'failed-to-start', code: null, detail: 'no such program' },
    ],
  ];
  for (const [name, facts, expected] of table)
    it(name, () => expect(explainExit({ ...base, ...facts })).toMatchObject(expected));
});
