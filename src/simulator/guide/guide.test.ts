import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rawPost } from '../../testing/raw-http.ts';
import { createSimulator, type Simulator } from '../simulator.ts';

/** The tour as a host would drive it, the worker's commands executed for real. */
let simulator: Simulator;
beforeAll(async () => {
  simulator = await createSimulator();
});
afterAll(() => simulator[Symbol.asyncDispose]());

interface Message {
  role: string;
  content: string | null;
  tool_calls?: { id: string; function: { name: string; arguments: string } }[];
  tool_call_id?: string;
}

const OPERATOR_TOOLS = ['spawn_worker', 'answer_worker', 'list_workers', 'stop_worker'];
const WORKER_TOOLS = ['run_command', 'list_files', 'read_file', 'write_file', 'search_files', 'save_artifact'];
const user = (content: string): Message => ({ role: 'user', content });

async function ask(messages: Message[], tools: string[]): Promise<Message> {
  const body = {
    model: 'guide',
    messages: [{ role: 'system', content: 'You are an agent.' }, ...messages],
    tools: tools.map((name) => ({ type: 'function', function: { name, parameters: { type: 'object' } } })),
  };
  const answer = await rawPost({ url: `${simulator.url}/v1/chat/completions`, body });
  expect(answer.status, answer.body.toString()).toBe(200);
  return JSON.parse(answer.body.toString()).choices[0].message;
}
const operator = async (...messages: Message[]): Promise<Message> => ask(messages, OPERATOR_TOOLS);

function answerTo(call: Message, content: string): Message[] {
  return [call, ...(call.tool_calls ?? []).map(({ id }) => ({ role: 'tool', content, tool_call_id: id }))];
}

describe('the operator of the tour', () => {
  it.each([
    'hello',
    'help',
    'who are you?',
    'what can you do',
    'What is Holdfast?',
    'write me a poem',
    'are you an AI?',
  ])('answers "%s" honestly and offers the job', async (text) => {
    const said = (await operator(user(text))).content ?? '';
    expect(said).toMatch(/simulator/);
    expect(said).toMatch(/no AI/);
    expect(said).toMatch(/[Nn]ame a folder/);
  });
  it('explains Holdfast in three sentences when greeted', async () => {
    const said = (await operator(user('Hi!'))).content ?? '';
    const explanation = said.split('\n\n')[1] ?? '';
    expect(explanation.match(/\.(\s|$)/g)).toHaveLength(3);
  });
  it.each([
    ['thanks', /welcome/],
    ['status', /holdfast status/],
    ['look at this folder', /full path/],
    ['yes', /full path/],
    ['bye', /Goodbye/],
  ])('has a fitting answer to "%s"', async (text, wanted) => {
    expect((await operator(user(text))).content).toMatch(wanted);
  });

  it.each([
    ['look at /home/ada/reports', '/home/ada/reports'],
    ['Please check /var/log.', '/var/log'],
    ['~', '~'],
    ['what is in ~/Documents?', '~/Documents'],
    ['read "/home/ada/my papers", please', '/home/ada/my papers'],
    ["'~/a b/c'", '~/a b/c'],
    ['folder:/srv/data', '/srv/data'],
    ['Hello, can you scan (/tmp/x)?', '/tmp/x'],
    ['/home/ada/Größe & Co', '/home/ada/Größe'],
  ])('reads the path in: %s', async (text, path) => {
    const [call] = (await operator(user(text))).tool_calls ?? [];
    expect(call?.function.name).toBe('spawn_worker');
    expect(JSON.parse(call?.function.arguments ?? '{}')).toEqual({
      template: 'data_analyst',
      task: expect.stringContaining('Change nothing'),
      allowed_paths: [{ path, mode: 'ro' }],
    });
  });
  it.each(['see https://example.org/a/b', 'this and/or that', '/help', 'on 3 / 4'])(
    'takes no path from: %s',
    async (text) => {
      expect((await operator(user(text))).tool_calls).toBeUndefined();
    },
  );

  const request = user('look at /home/ada');
  it.each([
    [
      'a denial',
      'Denied: the user said no. Do not try this again unless the user asks for it.',
      /you did not allow it/,
    ],
    ['an expired card', 'Denied: nobody answered in time. Ask the user before you try again.', /you did not allow it/],
    [
      'a rule of Holdfast',
      'Denied: The folder / is never shared: it is everything. Name another folder.',
      /not let me[\s\S]*folder \/ is never shared/,
    ],
    [
      'a failure of the worker',
      JSON.stringify({ worker: 'run_1', status: 'error', text: 'Permission denied' }),
      /could not finish: Permission denied/,
    ],
    [
      'a question',
      JSON.stringify({ worker: 'run_1', status: 'question', text: 'Which one?' }),
      /question: Which one\?/,
    ],
    ['an unknown outcome', 'Unknown: the host stopped while spawn_worker was running.', /interrupted/],
    ['a missing folder', '/home/ada does not exist', /did not work: \/home\/ada does not exist/],
    [
      'a result that mentions "denied"',
      JSON.stringify({ status: 'result', text: '3 files denied' }),
      /is done[\s\S]*3 files denied/,
    ],
  ])('tells the user of %s', async (_name, result, wanted) => {
    const call = await operator(request);
    expect((await operator(request, ...answerTo(call, result))).content).toMatch(wanted);
  });
  it('takes another folder after a denial', async () => {
    const call = await operator(request);
    const again = await operator(
      request,
      ...answerTo(call, 'Denied: the user said no.'),
      { role: 'assistant', content: 'ok' },
      user('then /srv'),
    );
    expect(again.tool_calls?.[0]?.function.arguments).toContain('/srv');
  });
});

const BWRAP = spawnSync('bwrap', ['--ro-bind', '/', '/', '--unshare-all', 'true']).status === 0;

describe('the worker of the tour', () => {
  it.skipIf(!BWRAP)('does a real job in a real sandbox and reports what its programs printed', async () => {
    const root = await mkdtemp(join(tmpdir(), 'guide-'));
    const folder = join(root, 'my papers');
    const home = join(root, 'data');
    await mkdir(folder);
    await mkdir(home);
    await writeFile(join(folder, 'big.log'), 'line\n'.repeat(1_000));
    await writeFile(join(folder, 'one.txt'), 'same');
    await writeFile(join(folder, 'two.txt'), 'same');
    const run = (command: string): string => {
      const system = ['/usr', '/bin', '/lib', '/lib64', '/etc'].flatMap((path) => ['--ro-bind-try', path, path]);
      const mounts = [
        '--tmpfs',
        '/tmp',
        '--proc',
        '/proc',
        '--dev',
        '/dev',
        '--bind',
        home,
        '/data',
        '--ro-bind',
        folder,
        '/work/my papers',
      ];
      const args = ['--unshare-all', ...system, ...mounts, '--setenv', 'HOME', '/data', 'sh', '-c', command];
      return spawnSync('bwrap', args, { encoding: 'utf8', timeout: 30_000 }).stdout;
    };
    const messages = [user('Look through the folder.\nFolders: /work/my papers (read-only)')];
    const used: string[] = [];
    let said = await ask(messages, WORKER_TOOLS);
    for (let step = 0; step < 10 && said.tool_calls; step += 1) {
      messages.push(said);
      for (const call of said.tool_calls) {
        const input = JSON.parse(call.function.arguments);
        used.push(call.function.name);
        const content =
          call.function.name === 'run_command' ? run(input.command) : `Saved ${input.path} as ${input.name}.`;
        messages.push({ role: 'tool', content, tool_call_id: call.id });
      }
      said = await ask(messages, WORKER_TOOLS);
    }
    const report = await readFile(join(home, 'report.md'), 'utf8');
    await rm(root, { recursive: true, force: true });
    expect(used).toEqual([...Array(5).fill('run_command'), 'save_artifact']);
    expect(report).toContain('    Total: 3 files, 0 folders, 4.9 KiB');
    expect(said.content).toContain('- Total: 3 files, 0 folders, 4.9 KiB');
    expect(said.content).toContain('- Largest: `big.log`, 4.9 KiB');
    expect(said.content).toContain('- Text: 1002 lines in 3 text files');
    expect(said.content).toContain('- Duplicates: 1 file repeats the content of another');
    expect(said.content).toContain('Saved /data/report.md as report.md.');
  });

  it('says which step failed instead of inventing numbers', async () => {
    const task = user('Look.\nFolders: /work/x (read-only)');
    const call = await ask([task], WORKER_TOOLS);
    const said = await ask([task, ...answerTo(call, 'exit code 1\nsh: cd: /work/x: No such file')], WORKER_TOOLS);
    expect(said.content).toContain('No such file');
    expect(said.content).not.toContain('Total');
  });
  it('starts over after an interruption', async () => {
    const task = user('Look.\nFolders: /work/x (read-only)');
    const call = await ask([task], WORKER_TOOLS);
    const said = await ask(
      [task, ...answerTo(call, 'Unknown: the host stopped while run_command was running.')],
      WORKER_TOOLS,
    );
    expect(said.tool_calls?.[0]?.function.arguments).toContain('/work/x');
  });
  it('does nothing without a folder', async () => {
    expect((await ask([user('Write a program.')], WORKER_TOOLS)).content).toContain('given no folder');
  });
});
