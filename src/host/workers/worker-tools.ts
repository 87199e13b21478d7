import { z } from 'zod';
import type { JsonValue } from '../../protocol/json.ts';
import { SYSTEM_LABEL } from '../../protocol/label.ts';
import type { Resource } from '../../protocol/resource.ts';
import { described } from '../tools/light-schema.ts';
import type { AnyTool, Tool, ToolCaller } from '../tools/tool.ts';
import { resolveFolders } from './folders.ts';
import { templateFor } from './launch.ts';
import type { WorkerTemplates } from './template-store.ts';
import { type Places, type Reach, reachesWeb } from './worker-permissions.ts';
import { WorkerTask } from './worker-task.ts';
import type { Workers } from './workers.ts';

const Background = z
  .boolean()
  .optional()
  .describe('true: do not wait. Its result comes as a message of Holdfast; meanwhile you can answer the owner.');
const SpawnInput = WorkerTask.extend({ background: Background });
const SpawnManyInput = z.strictObject({
  tasks: z.array(described(WorkerTask, 'As for spawn_worker')).min(1).max(10),
  max_parallel: z.number().int().min(1).max(10).default(3).describe('How many run at the same time'),
  background: Background,
});
const WorkerRef = z.strictObject({ worker: z.string().min(1) });

const CONTROL = { risk: 'control', idempotent: true, parallel: true } as const;

export interface WorkerToolsDeps {
  readonly userHome: string;
  readonly templates: WorkerTemplates;
  readonly reach: Reach;
  readonly places: Places;
}

/** The tools that start workers and look after them: no effect outside our own rows. */
export function createWorkerTools(workers: Workers, deps: WorkerToolsDeps): AnyTool[] {
  return [
    spawnTool(workers, deps),
    spawnManyTool(workers, deps),
    answerTool(workers, deps),
    resultTool(workers),
    steerTool(workers, deps),
    stopTool(workers),
    listTool(workers),
    synthesizeTool(workers),
  ];
}

function spawnTool(workers: Workers, deps: WorkerToolsDeps): Tool<z.infer<typeof SpawnInput>> {
  return {
    ...CONTROL,
    name: 'spawn_worker',
    get description() {
      const lines = deps.templates.all().map((template) => `- ${template.id}: ${template.description}`);
      return `Starts a short-lived worker in its own sandbox and waits for it. Returns JSON {worker, status: result | question | error, text, artifacts}. A task that a worker is at already is not started twice.\nTemplates:\n${lines.join('\n')}`;
    },
    input: SpawnInput,
    waits: true,
    startsRun: true,
    resources: async (input, caller) => await resourcesOf(input, caller, deps),
    execute: ({ background, ...task }, context) =>
      workers.spawn(task, context, background === undefined ? {} : { background }),
  };
}

function spawnManyTool(workers: Workers, deps: WorkerToolsDeps): Tool<z.infer<typeof SpawnManyInput>> {
  return {
    ...CONTROL,
    name: 'spawn_workers',
    description:
      'Starts several workers side by side, each as spawn_worker would, and waits for all. Returns {results, questions, errors, workers}.',
    input: SpawnManyInput,
    waits: true,
    async resources(input, caller) {
      const all = await Promise.all(input.tasks.map((task) => resourcesOf(task, caller, deps)));
      return all.flat();
    },
    execute: ({ tasks, max_parallel, background = false }, context) =>
      workers.spawnMany(tasks, context, { atOnce: max_parallel, background }),
  };
}

async function resourcesOf(task: WorkerTask, caller: ToolCaller, deps: WorkerToolsDeps): Promise<Resource[]> {
  await deps.templates.refresh();
  const template = templateFor(task.template, { caller, templates: deps.templates });
  const paths = [...template.paths, ...(task.allowed_paths ?? [])];
  const folders = await resolveFolders(paths, { userHome: deps.userHome, caller });
  const places = deps.places(template, caller);
  const egress = places.length === 0 ? [] : await deps.reach(caller.agentId, places);
  const looks = (task.expects ?? []).flatMap((one): Resource[] =>
    one.kind === 'http' ? [{ kind: 'url', url: one.url, method: 'GET' }] : [],
  );
  return [
    ...folders.map((folder) => ({ kind: 'path', path: folder.path, mode: folder.mode }) as const),
    templateResource(template.id, egress, deps),
    ...looks,
  ];
}

function templateResource(id: string, egress: readonly string[], { templates }: WorkerToolsDeps): Resource {
  const template = templates.find(id);
  const network =
    template !== undefined && reachesWeb(template) && template.tools.some((tool) => tool.startsWith('web_'));
  return { kind: 'template', id, network, ...(egress.length === 0 ? {} : { egress }) };
}

/** Whatever is said to a worker may leave where the worker reaches. */
async function heardBy(worker: string, workers: Workers, deps: WorkerToolsDeps): Promise<Resource[]> {
  const known = await workers.reachOf(worker);
  return known === undefined ? [] : [templateResource(known.template, known.egress, deps)];
}

function answerTool(workers: Workers, deps: WorkerToolsDeps): Tool<{ worker: string; answer: string }> {
  return {
    ...CONTROL,
    name: 'answer_worker',
    description: 'Answers the question of a worker, which then goes on. Returns its next result, question or error.',
    input: WorkerRef.extend({ answer: z.string().min(1).max(50_000) }),
    waits: true,
    resources: ({ worker }) => heardBy(worker, workers, deps),
    execute: (input, context) => workers.answer(input.worker, input.answer, context),
  };
}

function resultTool(workers: Workers): Tool<{ worker: string; path?: string | undefined }> {
  return {
    ...CONTROL,
    name: 'get_worker_result',
    description: 'The state of one worker: its result, question or error, or that it is still running.',
    input: WorkerRef.extend({
      path: z.string().max(500).optional().describe('When its text is JSON: only this part of it, as a.b.0'),
    }),
    async execute({ worker, path }, context) {
      const outcome = await workers.report(worker, context);
      if (path === undefined) return outcome;
      const text = typeof outcome.data === 'object' && outcome.data !== null ? Reflect.get(outcome.data, 'text') : '';
      const found = at(text, path);
      const missing = { ...outcome, status: 'error', text: `The text of ${worker} is no JSON with ${path}.` } as const;
      return found === undefined ? missing : { ...outcome, text: JSON.stringify(found, undefined, 2), data: found };
    },
  };
}

function steerTool(workers: Workers, deps: WorkerToolsDeps): Tool<{ worker: string; text: string }> {
  return {
    ...CONTROL,
    idempotent: false,
    name: 'steer_worker',
    description: 'Tells a worker that is at work something new; it reads it before its next step.',
    input: WorkerRef.extend({ text: z.string().min(1).max(50_000) }),
    resources: ({ worker }) => heardBy(worker, workers, deps),
    async execute({ worker, text }, context) {
      await workers.steer(worker, text, context);
      return { status: 'ok', text: `${worker} reads it before its next step.`, label: SYSTEM_LABEL };
    },
  };
}

function stopTool(workers: Workers): Tool<{ worker: string }> {
  return {
    ...CONTROL,
    name: 'stop_worker',
    description: 'Stops a worker that is running or has an open question, and those it started.',
    input: WorkerRef,
    async execute(input, context) {
      await workers.stop(input.worker, context);
      return await workers.report(input.worker, context);
    },
  };
}

function listTool(workers: Workers): Tool<Record<string, never>> {
  return {
    ...CONTROL,
    name: 'list_workers',
    description: 'Your workers of this conversation, newest first, with their state.',
    input: z.strictObject({}),
    async execute(_input, context) {
      const rows = (await workers.ofCaller(context)).map((row) => ({
        worker: row.id,
        template: row.template,
        state: row.state,
        task: row.title,
        waiting_for: row.waiting_for,
      }));
      return { status: 'ok', text: JSON.stringify(rows, undefined, 2), data: rows, label: SYSTEM_LABEL };
    },
  };
}

function synthesizeTool(workers: Workers): Tool<{ workers: string[] }> {
  return {
    ...CONTROL,
    name: 'synthesize_worker_results',
    description: 'The results of several workers as one document, with how many have a result, a question or an error.',
    input: z.strictObject({ workers: z.array(z.string().min(1)).min(1).max(20) }),
    execute: (input, context) => workers.bringTogether(input.workers, context),
  };
}

/** One part of a JSON text, by a dotted path. */
function at(text: unknown, path: string): JsonValue | undefined {
  let value: unknown;
  try {
    value = JSON.parse(String(text));
  } catch {
    return undefined; // Not JSON; the caller says so.
  }
  for (const step of path.split('.').filter((part) => part !== '')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = Reflect.get(value, step);
  }
  return value === undefined ? undefined : (value as JsonValue); // It came out of JSON.parse.
}
