import type { z } from 'zod';
import type { Rule } from '../scenario.ts';

export type RuleInput = z.input<typeof Rule>;

const OPERATOR = { tools: ['spawn_worker'] };

/** An absolute path or one under `~`: in quotes with spaces, or bare up to the next space. Never a part of a URL. */
const PATH_PATTERN = [
  String.raw`(?:^|[\s(=]|:(?!//))["'${'`'}“‘](?<path>~?/[^"'${'`'}”’\n]+|~)["'${'`'}”’]`,
  String.raw`(?:^|[\s(=]|:(?!//))(?<path>~?/[^\s"'${'`'}<>|;]*[^\s"'${'`'}<>|;.,!?:)]|~(?=[\s.,!?]|$))`,
].join('|');

const NAME_A_FOLDER =
  'Name a folder on this machine, for example `~/Documents` (put quotes around a path with spaces). A worker then looks through it, read-only and in a sandbox, and writes a report.';

const WHAT_IS_HOLDFAST =
  'Holdfast runs a team of AI agents on your own machine. Agents plan; workers act, each in a sandbox without network and without any key. Every step is recorded, every cost has a wall, and what matters asks you first.';

const I_AM_SCRIPTED = 'I am the simulator: a script that stands in for a model. There is no AI here.';

const say = (name: string, user: string, text: string): RuleInput => ({
  name,
  when: { ...OPERATOR, user },
  answer: { text },
});

/** What the worker handed back, or why there was none. Tool results come before new texts. */
const afterWorker: readonly RuleInput[] = [
  {
    name: 'worker gave up',
    when: {
      ...OPERATOR,
      toolResult: { tool: 'spawn_worker', json: { status: 'result' }, matches: 'I stopped, because' },
    },
    answer: {
      text: `The worker could not finish. In its words:\n\n{{result.json.text}}\n\nThere is no report. Name another folder, or mend what it says and name this one again.`,
    },
  },
  {
    name: 'worker finished',
    when: { ...OPERATOR, toolResult: { tool: 'spawn_worker', json: { status: 'result' } } },
    answer: {
      text: `The worker is done. In its words:\n\n{{result.json.text}}\n\nThe work was real, only my words are scripted: open the report under this conversation's artifacts, and the worker's run to see each command with its output.\n\nNext: name another folder, or type \`holdfast setup\` to connect a real model.`,
    },
  },
  {
    name: 'worker asks',
    when: { ...OPERATOR, toolResult: { json: { status: 'question' } } },
    answer: { text: 'The worker has a question: {{result.json.text}}\n\nI am scripted and cannot answer it for you.' },
  },
  {
    name: 'worker failed',
    when: { ...OPERATOR, toolResult: { json: { status: 'error' } } },
    answer: {
      text: `The worker could not finish: {{result.json.text|clip:600}}\n\n\`holdfast doctor\` checks every part and names the broken one. You can also name another folder.`,
    },
  },
  {
    name: 'still running',
    when: { ...OPERATOR, toolResult: { json: { status: 'running' } } },
    answer: { text: 'The worker is still at work. Ask me for the status later, or look at its run.' },
  },
  {
    name: 'denied by the user',
    when: { ...OPERATOR, toolResult: { matches: '^Denied: (?:the user said no|nobody answered|what the arguments)' } },
    answer: {
      text: `No problem: you did not allow it, so nothing was read. That is how it should work.\n\nWhenever you like, name another folder, perhaps one with nothing private in it.`,
    },
  },
  {
    name: 'denied by a rule',
    when: { ...OPERATOR, toolResult: { matches: String.raw`^Denied: (?<why>[\s\S]+)` } },
    answer: { text: 'Holdfast did not let me do that, and nothing was read. {{why|clip:600}}' },
  },
  {
    name: 'interrupted',
    when: {
      ...OPERATOR,
      toolResult: { tool: 'spawn_worker', matches: '^(?:Unknown: |The outcome of this call is unknown)' },
    },
    answer: {
      text: `I was interrupted and do not know how far the worker got. The folder was read-only, so nothing in it changed. Name it again to start over.`,
    },
  },
  {
    name: 'other result',
    when: { ...OPERATOR, toolResult: {} },
    answer: { text: `That did not work: {{result.text|clip:600}}\n\n${NAME_A_FOLDER}` },
  },
];

const help = say(
  'help',
  String.raw`^\W*(?:help|hilfe|\?+)\W*$|\bwhat (?:can|do) (?:you|i)\b|\bhow (?:does|do) (?:this|it|you|i)\b|\bwhat is (?:this|holdfast)\b`,
  `${WHAT_IS_HOLDFAST}\n\n${I_AM_SCRIPTED} I can show you one real job, though. ${NAME_A_FOLDER}\n\nTo connect a real model, type \`holdfast setup\`.`,
);

const lookThrough: RuleInput = {
  name: 'look through a folder',
  when: { ...OPERATOR, user: PATH_PATTERN },
  answer: {
    text: 'I will have a worker look through `{{path}}`, read-only. You will be asked to confirm first.',
    toolCalls: [
      {
        tool: 'spawn_worker',
        arguments: {
          template: 'data_analyst',
          task: 'Look through the folder you were given. Find out what is in it with ordinary programs: how many files of which types, the largest, the newest, the text, the duplicates. Change nothing. Write a Markdown report, save it as an artifact and answer with the key numbers.',
          allowed_paths: [{ path: '{{path}}', mode: 'ro' }],
        },
      },
    ],
  },
};

const smallTalk: readonly RuleInput[] = [
  say(
    'which folder',
    String.raw`\b(?:this|my|the|that|current|a) (?:folder|directory|project|repo(?:sitory)?)\b|\b(?:look|read|check|scan) (?:in |around )?here\b|^\W*(?:yes|ok(?:ay)?|sure|go|go ahead|start|ja|do it)\W*$`,
    `I cannot see where you are, so please name the folder by its full path, for example \`/home/you/reports\` or \`~/Documents\`.`,
  ),
  say(
    'hello',
    String.raw`^\W*(?:hi|hello|hey|hallo|hola|bonjour|good (?:morning|afternoon|evening)|moin|servus|howdy|greetings)\b`,
    `Hello! ${I_AM_SCRIPTED}\n\n${WHAT_IS_HOLDFAST}\n\nShall we do a real job? ${NAME_A_FOLDER}`,
  ),
  say(
    'who are you',
    String.raw`\bwho (?:are|is) (?:you|this)\b|\bwhat are you\b|\byour name\b|\bare you (?:an? )?(?:ai|human|real|bot|llm|model|gpt|claude)\b`,
    `${I_AM_SCRIPTED} I play the operator, the agent that plans and hands work to workers. With a real model (\`holdfast setup\`) the operator understands anything you write; I only know this tour.\n\n${NAME_A_FOLDER}`,
  ),
  say(
    'thanks',
    String.raw`\b(?:thanks|thank you|thx|danke|merci|gracias|cheers)\b`,
    `You are welcome. Type \`holdfast setup\` when you want to connect a real model, or name another folder.`,
  ),
  say(
    'status',
    String.raw`\bstatus\b|\bwhat(?:'s| is) (?:going on|running)\b|\bare you (?:there|alive|ok)\b`,
    `I am here and no job of mine is under way in this conversation. \`holdfast status\` shows the whole system: vault, sandbox, agents and budget.`,
  ),
  say(
    'bye',
    String.raw`^\W*(?:bye|goodbye|quit|exit|see you|ciao|tsch(?:ü|ue)ss)\b`,
    `Goodbye. This conversation is kept; \`holdfast chat\` brings you back to it.`,
  ),
  {
    name: 'anything else',
    when: OPERATOR,
    answer: {
      text: `${I_AM_SCRIPTED} So I cannot do that, and I will not pretend to. To connect a real model, type \`holdfast setup\`.\n\nWhat I can do: ${NAME_A_FOLDER}`,
    },
  },
];

export const operatorRules: readonly RuleInput[] = [...afterWorker, help, lookThrough, ...smallTalk];
