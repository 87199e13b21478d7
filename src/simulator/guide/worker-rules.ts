import type { RuleInput } from './operator-rules.ts';
import { CONTENT, LARGEST, NEWEST, OVERVIEW, REPORT, TOUR_STEPS } from './tour-scripts.ts';

const WORKER = { tools: ['run_command', 'save_artifact'], withoutTools: ['spawn_worker'] };

/** The worker's task ends with `Folders: /work/<name> (read-only)`. */
const FOLDER = {
  from: 'user',
  matches: String.raw`(?:^|\n)Folders: (?<folder>/work/.+?) \((?:read-only|read and write)\)`,
} as const;
const TIMEOUT_MS = 150_000;

const after = (step: number) => ({
  ...WORKER,
  toolResult: { tool: 'run_command', matches: `(?:^|\\n)Step ${step} of ${TOUR_STEPS} done` },
});

const commands = (...scripts: readonly string[]) =>
  scripts.map((command) => ({ tool: 'run_command', arguments: { command, timeout_ms: TIMEOUT_MS } }));

const fact = (name: string, label: string) =>
  ({ from: 'tool-result', tool: 'run_command', matches: `(?:^|\\n)${label}: (?<${name}>[^\\n]+)` }) as const;

const begin: RuleInput['answer'] = { text: 'First I count what is there.', toolCalls: commands(OVERVIEW) };

/** Each step starts when the program before it really finished; nothing is told that no program printed. */
export const workerRules: readonly RuleInput[] = [
  {
    name: 'saved',
    when: { ...WORKER, toolResult: { tool: 'save_artifact' } },
    extract: [
      FOLDER,
      fact('total', 'Total'),
      fact('largest', 'Largest'),
      fact('newest', 'Newest'),
      fact('lines', 'Text'),
      fact('copies', 'Duplicates'),
      fact('closed', 'Not readable'),
    ],
    answer: {
      text: 'I looked through `{{folder}}` and changed nothing.\n\n- Total: {{total}}\n- Largest: {{largest}}\n- Newest: {{newest}}\n- Text: {{lines}}\n- Duplicates: {{copies}}\n- Could not be read: {{closed}}\n\nThe whole report: {{result.text|clip:300}}',
    },
  },
  {
    name: 'report written',
    when: after(5),
    answer: {
      text: 'The report is written. I hand it over.',
      toolCalls: [{ tool: 'save_artifact', arguments: { path: '/data/report.md', name: 'report.md' } }],
    },
  },
  {
    name: 'write report',
    when: after(4),
    extract: [FOLDER],
    answer: { text: 'Now I put it together as a report.', toolCalls: commands(REPORT) },
  },
  {
    name: 'content',
    when: after(3),
    extract: [FOLDER],
    answer: { text: 'Next: how much text there is, and what is there twice.', toolCalls: commands(CONTENT) },
  },
  {
    name: 'largest and newest',
    when: after(1),
    extract: [FOLDER],
    answer: { text: 'Now the largest and the newest files.', toolCalls: commands(LARGEST, NEWEST) },
  },
  {
    name: 'interrupted',
    when: {
      ...WORKER,
      toolResult: { tool: 'run_command', matches: '^(?:Unknown: |The outcome of this call is unknown)' },
    },
    extract: [FOLDER],
    answer: { ...begin, text: 'I was interrupted, so I count again from the start.' },
  },
  {
    name: 'a program failed',
    when: { ...WORKER, toolResult: {} },
    answer: { text: 'I stopped, because a step did not finish. What it said:\n\n{{result.text|clip:1000}}' },
  },
  { name: 'begin', when: { ...WORKER, user: FOLDER.matches }, answer: begin },
  {
    name: 'begin after a note',
    when: { ...WORKER, toolResults: { min: 1 } },
    answer: { text: 'The tour has ended here. I have nothing to add.' },
  },
  {
    name: 'no folder',
    when: WORKER,
    answer: {
      text: 'I am the scripted worker of the guided tour and was given no folder, so there is nothing I can do.',
    },
  },
];
