import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../protocol/json.ts';
import { Permissions } from '../../protocol/permission.ts';
import { readOne } from '../../storage/query.ts';
import { createScriptedModel, type Script, type ScriptedAnswer } from '../../testing/scripted-model.ts';
import { createTestCore, type TestCore } from '../../testing/test-core.ts';
import { specOf } from '../runs/run-store.ts';
import type { RunsTable } from '../runs/tables.ts';

type Request = Parameters<Script>[0];

const call = (tool: string, input: JsonValue) => ({ tool, input });
const spawn = (template: string, task: string, more: object = {}) => call('spawn_worker', { template, task, ...more });
const results = (request: Request): string[] =>
  request.transcript.flatMap((turn) => (turn.role === 'tool' ? [turn.text] : []));
const templateOf = ({ system }: Request): string | undefined => /\(template (\w+)\)/.exec(system)?.[1];
const taskOf = (request: Request): string => {
  const first = request.transcript[0];
  return first?.role === 'user' ? first.text : '';
};

async function ask({ core }: TestCore, text = 'go'): Promise<{ answer: string; runId: string }> {
  const session = await core.sessions.active({ agentId: 'operator', channel: 'local', chatId: 'owner' });
  const inbound = { channel: 'local', platformMessageId: undefined, session, principal: 'owner', text };
  const { message } = await core.inbox.receive(inbound);
  core.lanes.add(session.id, message.run_id);
  await core.manager.settled(message.run_id, AbortSignal.timeout(25_000));
  return { answer: (await core.inbox.get(message.id)).answer ?? '', runId: message.run_id };
}

const workersOf = async ({ core }: TestCore): Promise<RunsTable[]> =>
  (await core.runs.list({ limit: 500 })).filter((row) => row.kind === 'worker').reverse();

/** The operator says what came of its calls; each kind of worker answers by its own script. */
function script(first: ScriptedAnswer, workers: Record<string, (request: Request) => ScriptedAnswer>): Script {
  return (request) => {
    const template = templateOf(request);
    if (template !== undefined) return workers[template]?.(request) ?? `done: ${taskOf(request)}`;
    const said = results(request);
    return request.transcript.at(-1)?.role === 'tool' ? said.join('\n---\n') : first;
  };
}

describe('workers that start workers', () => {
  it('run below a coordinator, come back through it, and are never wider than it', async () => {
    const model = createScriptedModel(
      script(
        { calls: [spawn('research_coordinator', 'find out')] },
        {
          research_coordinator: (request) =>
            results(request).at(-1) ?? {
              calls: [
                call('spawn_workers', {
                  tasks: [
                    { template: 'web_fetcher', task: 'read one' },
                    { template: 'writer', task: 'write two' },
                  ],
                }),
              ],
            },
        },
      ),
    );
    await using test = await createTestCore({ model });
    const { answer } = await ask(test);
    expect(answer).toContain('done: read one');
    expect(answer).toContain('done: write two');
    const made = (await workersOf(test)).map((row) => ({ row, spec: specOf(row) }));
    const of = (template: string) => made.find(({ row }) => row.template === template);
    const [coordinator, fetcher, writer] = [of('research_coordinator'), of('web_fetcher'), of('writer')];
    expect([coordinator?.spec.depth, fetcher?.spec.depth, writer?.spec.depth]).toEqual([1, 2, 2]);
    expect(fetcher?.row.parent_run_id).toBe(coordinator?.row.id);
    expect(fetcher?.spec.permissions).toMatchObject({ can_use_internet: true, can_spawn: [], can_manage_fleet: false });
  });

  it('may start only what their template lists, and nothing below the deepest level', async () => {
    const model = createScriptedModel(
      script(
        { calls: [spawn('implementation_coordinator', 'build')] },
        {
          implementation_coordinator: (request) =>
            results(request).at(-1) ?? { calls: [spawn('web_researcher', 'look around')] },
        },
      ),
    );
    await using test = await createTestCore({ model });
    expect((await ask(test)).answer).toContain('There is no worker template web_researcher for you');
    expect(await workersOf(test)).toHaveLength(1);
  });

  it('lose the web when their parent has none', async () => {
    const model = createScriptedModel(script({ calls: [spawn('web_fetcher', 'read')] }, {}));
    await using test = await createTestCore({ model });
    const narrow = Permissions.parse({ can_spawn: ['*'], can_use_internet: false });
    await test.core.agents.edit('operator', { permissions: narrow }, { id: 'owner', surface: 'cli' });
    await ask(test);
    expect(specOf((await workersOf(test))[0] as RunsTable).permissions).toMatchObject({ can_use_internet: false });
  });

  it('hand on only folders they hold, by their own names for them, and follow no link out', async () => {
    const root = await mkdtemp(join(tmpdir(), 'holdfast-folders-'));
    try {
      await mkdir(join(root, 'shared/inner'), { recursive: true });
      await mkdir(join(root, 'secret'));
      await symlink(join(root, 'secret'), join(root, 'shared/out'));
      const tries = [
        { path: '/work/shared/inner', mode: 'ro' },
        { path: '/work/shared/inner', mode: 'rw' },
        { path: '/work/shared/out', mode: 'ro' },
        { path: join(root, 'secret'), mode: 'ro' },
        { path: '/work/shared/../secret', mode: 'ro' },
      ];
      const model = createScriptedModel(
        script(
          {
            calls: [spawn('implementation_coordinator', 'build', { allowed_paths: [{ path: join(root, 'shared') }] })],
          },
          {
            implementation_coordinator: (request) =>
              results(request).length > 0
                ? results(request).join('\n')
                : { calls: tries.map((path, n) => spawn('writer', `try ${n}`, { allowed_paths: [path] })) },
          },
        ),
      );
      await using test = await createTestCore({ model });
      const asked = ask(test);
      await expect.poll(async () => (await test.core.approvals.list('pending')).length).toBe(1);
      const [card] = await test.core.approvals.list('pending');
      await test.core.approvals.decide(card?.id ?? '', 'allowed', { id: 'owner', surface: 'cli' });
      const { answer } = await asked;
      expect(answer).toContain('done: try 0');
      expect(answer).toContain('You cannot hand on /work/shared/inner (rw)');
      expect(answer).toContain('/work/shared/out leads out of /work/shared');
      const made = await workersOf(test);
      expect(made.map((row) => row.title)).toEqual(['build', 'try 0']);
      expect(specOf(made[1] as RunsTable).folders).toMatchObject([{ path: join(root, 'shared/inner'), mode: 'ro' }]);
    } finally {
      await rm(root, { recursive: true });
    }
  });
});

describe('the limits of a lineage', () => {
  it('hold exactly, however many calls are made at once and at whatever level', async () => {
    for (const seed of [3, 17, 58]) {
      const wide = 2 + (seed % 3);
      const tasks = Array.from({ length: 9 }, (_, n) => ({ template: 'writer', task: `part ${n}` }));
      const model = createScriptedModel(
        script(
          {
            calls: [
              ...Array.from({ length: wide }, (_, n) => spawn('research_coordinator', `subject ${n}`)),
              ...Array.from({ length: 6 }, (_, n) => spawn('writer', `letter ${n}`)),
            ],
          },
          {
            research_coordinator: (request) =>
              results(request).length > 0
                ? results(request).join('\n')
                : { calls: tasks.map(({ template, task }) => spawn(template, `${taskOf(request)} ${task}`)) },
          },
        ),
      );
      const counts = { open: 0, most: 0 };
      await using test = await createTestCore({ model });
      const { runId } = await ask(test);
      const made = await workersOf(test);
      const lineage = test.core.sql.selectFrom('worker_lineages').selectAll().where('root_run_id', '=', runId);
      const row = await readOne(test.store, lineage);
      for (const event of await test.core.journal.read({})) {
        if (event.event.type === 'run.started' && event.event.kind === 'worker') counts.open += 1;
        if (event.event.type === 'run.finished' && made.some((row) => row.id === event.runId)) counts.open -= 1;
        counts.most = Math.max(counts.most, counts.open);
      }
      expect(made.length).toBe(row?.total);
      expect(made.length).toBeLessThanOrEqual(20);
      expect(counts.most).toBeLessThanOrEqual(10);
      expect(row?.open).toBe(0);
      expect(made.every((row) => row.finished_at !== null)).toBe(true);
    }
  });
});

describe('a second launch of the same task', () => {
  it('finds the worker that is at it, whatever its case and punctuation; another one is started', async () => {
    const model = createScriptedModel(
      script(
        {
          calls: [
            spawn('writer', 'Write a letter to Ada.'),
            spawn('writer', 'write a LETTER to Ada'),
            spawn('writer', 'write a letter to Ada', { inputs: { tone: 'warm' } }),
            spawn('file_editor', 'write a letter to Ada'),
          ],
        },
        {},
      ),
    );
    await using test = await createTestCore({ model });
    const { answer } = await ask(test);
    expect(answer.match(/"duplicate": true/g)).toHaveLength(1);
    expect(await workersOf(test)).toHaveLength(3);
    await ask(test, 'again');
    expect(await workersOf(test)).toHaveLength(6);
  });
});

describe('a worker that is at work', () => {
  it('reads what its parent tells it before its next step', async () => {
    let worker = '';
    const model = createScriptedModel(async (request) => {
      if (templateOf(request) !== undefined) {
        const texts = request.transcript.flatMap((turn) => (turn.role === 'user' ? [turn.text] : []));
        if (texts.includes('in French, please')) return 'voilà';
        await new Promise((resolve) => setTimeout(resolve, 20));
        return { calls: [call('list_workers', {})] };
      }
      const said = results(request);
      worker ||= /run_[0-9a-f]{32}/.exec(said[0] ?? '')?.[0] ?? '';
      if (said.length === 0) return { calls: [spawn('research_coordinator', 'say hello', { background: true })] };
      if (said.length === 1) return { calls: [call('steer_worker', { worker, text: 'in French, please' })] };
      return 'told';
    });
    await using test = await createTestCore({ model });
    await ask(test);
    const row = await test.core.manager.settled(worker, AbortSignal.timeout(20_000));
    expect(row).toMatchObject({ state: 'done', result: expect.stringContaining('voilà') });
  });

  it('takes its own workers with it when it is stopped', async () => {
    const stuck = Promise.withResolvers<ScriptedAnswer>();
    const model = createScriptedModel((request) => {
      const template = templateOf(request);
      if (template === 'writer') return stuck.promise;
      if (template === 'research_coordinator') return { calls: [spawn('writer', 'wait')] };
      return results(request).at(-1) ?? { calls: [spawn('research_coordinator', 'go', { background: true })] };
    });
    await using test = await createTestCore({ model });
    await ask(test);
    await expect.poll(async () => (await workersOf(test)).length).toBe(2);
    const [coordinator, writer] = await workersOf(test);
    const cancelled = test.core.manager.cancel(coordinator?.id ?? '', 'enough');
    stuck.resolve('late');
    await cancelled;
    const ended = await test.core.manager.settled(writer?.id ?? '', AbortSignal.timeout(20_000));
    expect(ended.state).toBe('cancelled');
  });
});
