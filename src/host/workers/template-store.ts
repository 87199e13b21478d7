import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../base/atomic-file.ts';
import type { Clock } from '../../base/clock.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { Store } from '../../storage/store.ts';
import type { Principal } from '../control.ts';
import type { HostSql } from '../database.ts';
import { createTemplateVersions } from './template-versions.ts';
import { readTemplates, TemplateId, templateText, WorkerTemplate } from './templates.ts';

/**
 * All worker templates: those this version ships, and the owner's own under `<home>/templates/workers`, which may be
 * edited with any editor and count from the next worker on. One of the owner's replaces a shipped one of the same id.
 */
export interface WorkerTemplates {
  /** As of the last look; sorted by id. */
  all(): readonly WorkerTemplate[];
  /** By id, or by an alias. */
  find(id: string): WorkerTemplate | undefined;
  isOwn(id: string): boolean;
  /** Files that cannot be used, and why. */
  problems(): readonly string[];
  /** Looks at the folder again if anything in it changed. */
  refresh(): Promise<void>;
  /** Throws `bad-request` when it names a tool or template that is not there, `conflict` for a shipped id. */
  put(template: unknown, by: Principal): Promise<WorkerTemplate>;
  remove(id: string, by: Principal): Promise<void>;
  /** Makes the version before the newest the current one again. */
  undo(id: string, by: Principal): Promise<void>;
}

export interface WorkerTemplatesDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly clock: Clock;
  readonly shipped: readonly WorkerTemplate[];
  readonly folder: string;
  readonly knownTools: () => readonly string[];
}

export function createWorkerTemplates(deps: WorkerTemplatesDeps): WorkerTemplates {
  const { folder, shipped } = deps;
  const versions = createTemplateVersions('worker', deps);
  let seen = '';
  let own: readonly WorkerTemplate[] = [];
  let problems: readonly string[] = [];
  let all = [...shipped];

  const fileOf = (id: string): string => join(folder, `${TemplateId.parse(id)}.md`);
  const find = (id: string): WorkerTemplate | undefined =>
    all.find((template) => template.id === id) ?? all.find((template) => template.aliases.includes(id));

  const refresh = async (): Promise<void> => {
    const stamp = await stampOf(folder);
    if (stamp === seen) return;
    const read = await readTemplates(folder, deps.knownTools());
    own = read.templates;
    problems = read.problems;
    const replaced = new Set(own.map((template) => template.id));
    all = [...shipped.filter((template) => !replaced.has(template.id)), ...own];
    all.sort((a, b) => (a.id < b.id ? -1 : 1));
    seen = stamp;
  };

  const write = async (id: string, content: string | null, by: Principal): Promise<void> => {
    await deps.store.write([await versions.add(id, content, by)]);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if (content === null) await rm(fileOf(id), { force: true });
    else await writeFileAtomic(fileOf(id), content);
    seen = '';
    await refresh();
  };

  const mustBeOwn = (id: string): void => {
    if (own.some((template) => template.id === id)) return;
    throw new HoldfastError('not-found', `There is no worker template ${id} of your own.`, {
      remedy: 'Shipped templates cannot be removed; a file of the same id under templates/workers replaces one.',
    });
  };

  return {
    all: () => all,
    find,
    isOwn: (id) => own.some((template) => template.id === id),
    problems: () => problems,
    refresh,
    async put(value, by) {
      await refresh();
      const template = checked(value, { known: deps.knownTools(), all });
      if (shipped.some((one) => one.id === template.id || one.aliases.includes(template.id))) {
        throw new HoldfastError('conflict', `The template ${template.id} comes with Holdfast.`, {
          remedy: 'Choose another id.',
        });
      }
      await write(template.id, templateText(template), by);
      return template;
    },
    async remove(id, by) {
      await refresh();
      mustBeOwn(id);
      await write(id, null, by);
    },
    async undo(id, by) {
      const [, before] = await versions.of(id);
      const [now] = await versions.of(id);
      if (now === undefined) throw new HoldfastError('not-found', `The template ${id} was never changed here.`);
      await write(id, before?.content ?? null, by);
    },
  };
}

function checked(
  value: unknown,
  { known, all }: { known: readonly string[]; all: readonly WorkerTemplate[] },
): WorkerTemplate {
  const parsed = WorkerTemplate.safeParse(value);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.map(String).join('.')}: ${issue.message}`);
    throw new HoldfastError('bad-request', `The worker template is not valid: ${problems.join('; ')}.`);
  }
  const template = parsed.data;
  const unknown = template.tools.filter((tool) => !known.includes(tool));
  if (unknown.length > 0) {
    throw new HoldfastError('bad-request', `A worker cannot have these tools: ${unknown.join(', ')}.`, {
      remedy: `Tools: ${[...known].sort().join(', ')}.`,
    });
  }
  const missing = template.children.filter((id) => id !== template.id && !all.some((one) => one.id === id));
  if (missing.length > 0)
    throw new HoldfastError('bad-request', `There are no worker templates ${missing.join(', ')}.`);
  return template;
}

/** Changes whenever a file of the folder does. */
async function stampOf(folder: string): Promise<string> {
  const names = (await readdir(folder).catch(() => [])).sort();
  const stamps = await Promise.all(
    names.map(async (name) => {
      const facts = await stat(join(folder, name), { bigint: true }).catch(() => undefined);
      return facts === undefined ? name : `${name}:${facts.size}:${facts.mtimeNs}`;
    }),
  );
  return `read:${stamps.join()}`;
}
