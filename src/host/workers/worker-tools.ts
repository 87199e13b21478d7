import { z } from 'zod';
import { SYSTEM_LABEL } from '../../protocol/label.ts';
import type { Resource } from '../../protocol/resource.ts';
import { TypedFields } from '../quarantine/fields.ts';
import type { AnyTool, Tool } from '../tools/tool.ts';
import { resolveFolders } from './folders.ts';
import type { Places, Reach, Workers } from './workers.ts';

const SpawnInput = z.strictObject({
  template: z.string().describe('Which kind of worker, by its id'),
  task: z.string().min(1).max(50_000).describe('The whole task; the worker sees nothing else of this conversation'),
  inputs: z.record(z.string(), z.json()).optional().describe('Data for the task, as JSON'),
  allowed_paths: z
    .array(z.strictObject({ path: z.string().min(1), mode: z.enum(['ro', 'rw']).default('ro') }))
    .max(10)
    .optional()
    .describe('Folders of the owner that the worker may see, by absolute path. The owner is asked to confirm.'),
  result_fields: TypedFields.optional().describe(
    'Have only these fields back instead of text, such as {"open":{"type":"boolean"}}: what the worker read cannot reach you',
  ),
  max_steps: z.number().int().min(1).max(500).optional(),
  timeout_ms: z.number().int().min(1_000).max(14_400_000).optional(),
  background: z
    .boolean()
    .optional()
    .describe('true: do not wait. Its result comes as a message of Holdfast; meanwhile you can answer the owner.'),
});
type SpawnInput = z.infer<typeof SpawnInput>;

const WorkerRef = z.strictObject({ worker: z.string().min(1) });

/** The tools that only plan and delegate: all that the operator has, and no effect outside our own rows. */
export function createWorkerTools(
  workers: Workers,
  options: { userHome: string; networkTools: readonly string[]; reach: Reach; places: Places },
): AnyTool[] {
  const control = { risk: 'control', idempotent: true, parallel: true } as const;
  const templateResource = (id: string, egress: readonly string[]): Resource => {
    const tools = workers.templates.find((known) => known.id === id)?.tools ?? [];
    const network = tools.some((tool) => options.networkTools.includes(tool));
    return { kind: 'template', id, network, ...(egress.length === 0 ? {} : { egress }) };
  };
  const spawn: Tool<SpawnInput> = {
    ...control,
    name: 'spawn_worker',
    description: describeSpawn(workers),
    input: SpawnInput,
    waits: true,
    startsRun: true,
    async resources(input, caller) {
      const template = workers.templates.find((known) => known.id === input.template);
      const folders = await resolveFolders(input.allowed_paths ?? [], options.userHome);
      const places = template === undefined ? [] : options.places(template, caller);
      const egress = await options.reach(caller.agentId, places);
      return [
        ...folders.map((folder) => ({ kind: 'path', path: folder.path, mode: folder.mode }) as const),
        templateResource(input.template, egress),
      ];
    },
    execute: (input, context) => workers.spawn(input, context),
  };
  const answer: Tool<{ worker: string; answer: string }> = {
    ...control,
    name: 'answer_worker',
    description: 'Answers the question of a worker, which then goes on. Returns its next result, question or error.',
    input: WorkerRef.extend({ answer: z.string().min(1).max(50_000) }),
    waits: true,
    async resources({ worker }) {
      const known = await workers.reachOf(worker);
      return known === undefined ? [] : [templateResource(known.template, known.egress)];
    },
    execute: (input, context) => workers.answer(input.worker, input.answer, context),
  };
  const result: Tool<{ worker: string }> = {
    ...control,
    name: 'get_worker_result',
    description: 'The state of one worker: its result, question or error, or that it is still running.',
    input: WorkerRef,
    execute: (input, context) => workers.report(input.worker, context),
  };
  const stop: Tool<{ worker: string }> = {
    ...control,
    name: 'stop_worker',
    description: 'Stops a worker that is running or has an open question.',
    input: WorkerRef,
    async execute(input, context) {
      await workers.stop(input.worker, context);
      return await workers.report(input.worker, context);
    },
  };
  return [spawn, answer, result, stop, listTool(workers, control)];
}

function listTool(
  workers: Workers,
  control: Pick<Tool, 'risk' | 'idempotent' | 'parallel'>,
): Tool<Record<string, never>> {
  return {
    ...control,
    name: 'list_workers',
    description: 'The workers of this session, newest first, with their state.',
    input: z.strictObject({}),
    async execute(_input, context) {
      const rows = (await workers.ofSession(context)).map((row) => ({
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

function describeSpawn(workers: Workers): string {
  const lines = workers.templates.map((template) => `- ${template.id}: ${template.description}`);
  return `Starts a short-lived worker in its own sandbox and waits for it. Returns JSON {worker, status: result | question | error, text, artifacts}.\nTemplates:\n${lines.join('\n')}`;
}
