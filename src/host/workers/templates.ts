import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { cleanText } from '../../protocol/clean-text.ts';
import { EgressPlace } from '../../protocol/egress.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { SomePermissions } from '../../protocol/permission.ts';

/** A worker template: a Markdown file with YAML front matter; its body is the worker's system prompt. */
export const WorkerTemplate = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9_-]*$/),
  title: z.string().min(1),
  description: z.string().min(1),
  tools: z.array(z.string()).min(1),
  max_steps: z.number().int().min(1).max(500).default(10),
  timeout_seconds: z.number().int().min(1).max(14_400).default(300),
  /** What its sandbox would like to reach, where the agent's owner allowed it too. Absent: nothing. */
  egress: z.array(EgressPlace).min(1).optional(),
  /** `quarantine`: its model is not shown what strangers wrote; it gets references and asks for typed facts. */
  untrusted: z.enum(['read', 'quarantine']).optional(),
  /** What it needs beyond its tools; the parent bounds it. */
  permissions: SomePermissions.optional(),
  prompt: z.string().min(1),
});
export type WorkerTemplate = z.infer<typeof WorkerTemplate>;

/** Reads every template of a folder; all problems are reported together, with the file that has them. */
export async function loadTemplates(directory: string, knownTools: readonly string[]): Promise<WorkerTemplate[]> {
  const files = (await readdir(directory)).filter((name) => name.endsWith('.md')).sort();
  const read = await Promise.all(
    files.map(async (name) =>
      parseTemplate(name, cleanText(await readFile(join(directory, name), 'utf8')), knownTools),
    ),
  );
  const problems = read.flatMap((result) => ('problems' in result ? result.problems : []));
  if (problems.length > 0) {
    throw new HoldfastError('config.invalid', `Worker templates are not valid: ${problems.join('; ')}.`, {
      remedy: `Correct the files in ${directory}.`,
    });
  }
  return read.flatMap((result) => ('template' in result ? [result.template] : []));
}

type Parsed = { template: WorkerTemplate } | { problems: string[] };

export function parseTemplate(file: string, text: string, knownTools: readonly string[]): Parsed {
  const match = /^---\n(.*?)\n---\n(.*)$/s.exec(text);
  if (match === null) return { problems: [`${file} has no front matter between --- lines`] };
  const front: unknown = parseYaml(match[1] ?? '');
  const parsed = WorkerTemplate.safeParse(
    typeof front === 'object' ? { ...front, prompt: (match[2] ?? '').trim() } : front,
    { jitless: true }, // Making code for a schema that is used a few times takes longer than using it.
  );
  if (!parsed.success) {
    return { problems: parsed.error.issues.map((issue) => `${file}: ${issue.path.join('.')}: ${issue.message}`) };
  }
  const unknown = parsed.data.tools.filter((tool) => !knownTools.includes(tool));
  if (unknown.length > 0) return { problems: [`${file}: unknown tools ${unknown.join(', ')}`] };
  return { template: parsed.data };
}

function parseYaml(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
