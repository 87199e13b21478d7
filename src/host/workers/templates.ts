import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { RISK_CLASSES } from '../../policy/risk-class.ts';
import { cleanText } from '../../protocol/clean-text.ts';
import { EgressPlace } from '../../protocol/egress.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { Globs, SomePermissions } from '../../protocol/permission.ts';
import { ModelRef } from '../../protocol/provider.ts';

export const TemplateId = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, 'use 1 to 64 of a-z 0-9 _ -');

/** A worker template: a Markdown file with YAML front matter; its body is the worker's system prompt. */
export const WorkerTemplate = z.strictObject({
  id: TemplateId,
  title: z.string().min(1).max(120),
  description: z.string().min(1).max(500),
  /** Other names under which it is found. */
  aliases: z.array(TemplateId).default([]),
  tools: z.array(z.string()).min(1),
  /** Given where this installation has them. */
  optional_tools: z.array(z.string()).default([]),
  max_steps: z.number().int().min(1).max(500).default(10),
  timeout_seconds: z.number().int().min(1).max(14_400).default(300),
  /** Absent: its parent's. */
  model: ModelRef.optional(),
  thinking: z.enum(['off', 'low', 'medium', 'high']).optional(),
  /** Templates it may start itself. Absent: none. */
  children: z.array(TemplateId).default([]),
  /** `false`: neither it nor what it starts may read the web, whatever its tools are. */
  internet: z.boolean().optional(),
  skills: Globs.default([]),
  mcp: Globs.default([]),
  /** Folders of the user's that it is started with; the owner is asked as for any other. */
  paths: z.array(z.strictObject({ path: z.string().min(1), mode: z.enum(['ro', 'rw']).default('ro') })).default([]),
  /** What its sandbox would like to reach, where the agent's owner allowed it too. Absent: nothing. */
  egress: z.array(EgressPlace).min(1).optional(),
  /** `quarantine`: its model is not shown what strangers wrote; it gets references and asks for typed facts. */
  untrusted: z.enum(['read', 'quarantine']).optional(),
  /** What it needs beyond what follows from the rest; its parent bounds it. */
  permissions: SomePermissions.optional(),
  prompt: z.string().min(1).max(20_000),
});
export type WorkerTemplate = z.infer<typeof WorkerTemplate>;

/** How other programs spell our fields. */
const OLD_NAMES: Readonly<Record<string, string>> = {
  name: 'title',
  system_prompt: 'prompt',
  available_tools: 'tools',
  allowed_tools: 'tools',
  max_thinking_steps: 'max_steps',
  execution_timeout: 'timeout_seconds',
  default_timeout_seconds: 'timeout_seconds',
  allowed_child_templates: 'children',
  allowed_paths: 'paths',
  mcp_servers: 'mcp',
};

/** Fields that follow from others here: what a worker may do follows from its tools, whether it may start workers from `children`. */
const FOLLOWING = ['required_permissions', 'can_spawn_children'];

/** The seeds' names of tools that have another name here. */
const OLD_TOOLS: Readonly<Record<string, string>> = {
  fs_read: 'read_file',
  fs_write: 'write_file',
  fs_list: 'list_files',
  fs_move: 'run_command',
  fs_delete: 'run_command',
  exec_run: 'run_command',
  test_run: 'run_command',
  request_instruction: 'ask_parent',
  start_child_worker: 'spawn_worker',
  start_worker: 'spawn_worker',
  start_workers_parallel: 'spawn_workers',
  answer_worker_instruction: 'answer_worker',
  list_active_workers: 'list_workers',
  get_worker_status: 'get_worker_result',
};

/** Reads every template of a folder; all problems are reported together, with the file that has them. */
export async function loadTemplates(directory: string, knownTools: readonly string[]): Promise<WorkerTemplate[]> {
  const { templates, problems } = await readTemplates(directory, knownTools);
  if (problems.length > 0) {
    throw new HoldfastError('config.invalid', `Worker templates are not valid: ${problems.join('; ')}.`, {
      remedy: `Correct the files in ${directory}.`,
    });
  }
  return templates;
}

/** The same without throwing: what is wrong with one file keeps no other from being used. */
export async function readTemplates(
  directory: string,
  knownTools: readonly string[],
): Promise<{ templates: WorkerTemplate[]; problems: string[] }> {
  const names = await readdir(directory).catch(() => []);
  const files = names.filter((name) => /\.(md|json)$/.test(name)).sort();
  const read = await Promise.all(
    files.map(async (name) =>
      parseTemplate(name, cleanText(await readFile(join(directory, name), 'utf8')), knownTools),
    ),
  );
  return {
    templates: read.flatMap((result) => ('template' in result ? [result.template] : [])),
    problems: read.flatMap((result) => ('problems' in result ? result.problems : [])),
  };
}

type Parsed = { template: WorkerTemplate } | { problems: string[] };

/** `worker.json` of other programs is read, too. */
export function parseTemplate(file: string, text: string, knownTools: readonly string[]): Parsed {
  const fields = file.endsWith('.json') ? parseText(text) : frontMatter(text);
  if (fields === undefined) return { problems: [`${file} has no front matter between --- lines`] };
  const parsed = WorkerTemplate.safeParse(
    modernised(fields),
    { jitless: true }, // Making code for a schema that is used a few times takes longer than using it.
  );
  if (!parsed.success) {
    return { problems: parsed.error.issues.map((issue) => `${file}: ${issue.path.join('.')}: ${issue.message}`) };
  }
  const unknown = parsed.data.tools.filter((tool) => !knownTools.includes(tool) && !RISK_CLASSES.includes(tool));
  if (unknown.length > 0) return { problems: [`${file}: unknown tools ${unknown.join(', ')}`] };
  return { template: parsed.data };
}

/** As a file that `parseTemplate` reads again. */
export function templateText({ prompt, ...fields }: WorkerTemplate): string {
  const lines = Object.entries(fields)
    .filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0))
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  return `---\n${lines.join('\n')}\n---\n${prompt}\n`;
}

function frontMatter(text: string): unknown {
  const match = /^---\n(.*?)\n---\n(.*)$/s.exec(text.replaceAll('\r\n', '\n'));
  if (match === null) return undefined;
  const front = parseText(match[1] ?? '');
  return typeof front === 'object' && front !== null ? { ...front, prompt: (match[2] ?? '').trim() } : front;
}

function modernised(fields: unknown): unknown {
  if (typeof fields !== 'object' || fields === null) return fields;
  const entries = Object.entries(fields).flatMap(([name, value]): [string, unknown][] => {
    if (FOLLOWING.includes(name)) return [];
    const now = OLD_NAMES[name] ?? name;
    if (now === 'tools' && Array.isArray(value)) return [[now, [...new Set(value.map(modernTool))]]];
    if (now === 'paths' && Array.isArray(value)) return [[now, value.map(modernPath)]];
    return [[now, value]];
  });
  return Object.fromEntries(entries);
}

const modernTool = (name: unknown): unknown => (typeof name === 'string' ? (OLD_TOOLS[name] ?? name) : name);
const modernPath = (path: unknown): unknown => (typeof path === 'string' ? { path } : path);

/** YAML is a superset of JSON. */
function parseText(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
