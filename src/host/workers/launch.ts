import { HoldfastError } from '../../protocol/error.ts';
import type { Label } from '../../protocol/label.ts';
import { readOne, toStatement } from '../../storage/query.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { Journal } from '../journal/journal.ts';
import type { RunManager } from '../runs/run-manager.ts';
import { type RunStore, specOf } from '../runs/run-store.ts';
import type { RunSpec } from '../runs/spec.ts';
import type { ToolCaller, ToolContext } from '../tools/tool.ts';
import { resolveFolders } from './folders.ts';
import type { Lineages } from './lineages.ts';
import type { WorkerTemplates } from './template-store.ts';
import type { WorkerTemplate } from './templates.ts';
import type { Places, Reach } from './worker-permissions.ts';
import { workerSpec } from './worker-spec.ts';
import { taskSignature, type WorkerTask } from './worker-task.ts';

/**
 * Makes the rows of workers, all of one call in one unit: their runs, their places in the lineage, and the signatures by
 * which a second launch of the same task is recognised while the first is not over.
 */
export interface WorkerLauncher {
  /** The id that each task's worker has: its own, or that of the worker which does this task already. */
  launch(wanted: readonly Wanted[], context: ToolContext, background: boolean): Promise<Launched[]>;
  /** For the unit that ends a worker. */
  end(runId: string, spec: RunSpec): Statement[];
}

export interface Wanted {
  readonly id: string;
  readonly task: WorkerTask;
}

export interface Launched {
  readonly id: string;
  /** Another launch of the same task was first. */
  readonly duplicate: boolean;
}

export interface WorkerLauncherDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly runs: RunStore;
  readonly journal: Journal;
  readonly manager: () => RunManager;
  readonly templates: WorkerTemplates;
  readonly lineages: Lineages;
  readonly maxSpawnDepth: number;
  readonly reach: Reach;
  readonly places: Places;
  readonly userHome: string;
  readonly knownTools: () => readonly string[];
}

interface Prepared extends Wanted {
  readonly spec: RunSpec;
  readonly scope: string;
  readonly key: string;
}

export function createWorkerLauncher(deps: WorkerLauncherDeps): WorkerLauncher {
  const { store, sql } = deps;
  const underWay = async ({ scope, key }: Prepared): Promise<string | undefined> => {
    const same = sql.selectFrom('worker_launches').select('run_id').where('scope', '=', scope).where('key', '=', key);
    return (await readOne(store, same))?.run_id;
  };

  const commit = async (fresh: readonly Prepared[]): Promise<void> => {
    const root = fresh[0]?.spec.rootRunId;
    if (root === undefined) return;
    const rows = fresh.flatMap(({ id, spec, scope, key }) => [
      toStatement(sql.insertInto('worker_launches').values({ scope, key, run_id: id })),
      deps.manager().create(spec, id).statement,
    ]);
    try {
      await store.write([...deps.lineages.admit(root, fresh.length), ...rows]);
    } catch (thrown) {
      if (HoldfastError.from(thrown).code !== 'storage.guard-failed') throw thrown;
      throw (await deps.lineages.refusal(root, fresh.length)) ?? thrown;
    }
  };

  const launch: WorkerLauncher['launch'] = async (wanted, context, background) => {
    const parent = await deps.runs.get(context.runId);
    const from = { runId: parent.id, spec: specOf(parent), label: context.label };
    mayStart(from.spec, { background, most: deps.maxSpawnDepth });
    const prepared = await Promise.all(wanted.map((one) => prepare(one, { from, background, deps })));
    for (let attempt = 1; ; attempt += 1) {
      const taken = new Map<string, string>();
      for (const one of prepared) {
        const first = taken.get(one.key) ?? (await underWay(one));
        taken.set(one.key, first ?? one.id);
      }
      const fresh = prepared.filter((one) => taken.get(one.key) === one.id);
      try {
        await commit(await notYetMade(fresh, deps.runs));
        return prepared.map((one) => {
          const id = taken.get(one.key) ?? one.id;
          return { id, duplicate: id !== one.id };
        });
      } catch (thrown) {
        // Another call took one of the signatures between the look and the write.
        if (HoldfastError.from(thrown).code !== 'conflict' || attempt >= 3) throw thrown;
      }
    }
  };

  return {
    launch,
    end: (runId, spec) =>
      spec.kind === 'worker'
        ? [
            ...(spec.rootRunId === undefined ? [] : [deps.lineages.leave(spec.rootRunId)]),
            toStatement(sql.deleteFrom('worker_launches').where('run_id', '=', runId)),
          ]
        : [],
  };
}

async function prepare(
  { id, task }: Wanted,
  { from, background, deps }: { from: Parent; background: boolean; deps: WorkerLauncherDeps },
): Promise<Prepared> {
  const template = templateFor(task.template, { caller: from.spec, templates: deps.templates });
  const folders = await resolveFolders([...template.paths, ...(task.allowed_paths ?? [])], {
    userHome: deps.userHome,
    caller: from.spec,
  });
  const places = deps.places(template, from.spec);
  const reach = places.length === 0 ? [] : await deps.reach(from.spec.agentId, places);
  const knownTools = deps.knownTools();
  const spec = workerSpec(task, { parent: from, template, folders, places, reach, knownTools, background });
  const scope = from.spec.kind === 'worker' ? from.runId : (from.spec.sessionId ?? from.runId);
  return { id, task, spec, scope, key: taskSignature(template.id, task, folders) };
}

interface Parent {
  readonly runId: string;
  readonly spec: RunSpec;
  readonly label: Label;
}

/** The template a task names; a worker's own may name only those that its template lists. */
export function templateFor(
  name: string,
  { caller, templates }: { caller: Pick<ToolCaller, 'kind' | 'children'>; templates: WorkerTemplates },
): WorkerTemplate {
  const template = templates.find(name);
  const mine = caller.kind === 'worker' ? (caller.children ?? []) : templates.all().map((known) => known.id);
  if (template !== undefined && mine.includes(template.id)) return template;
  throw new HoldfastError('tool.bad-input', `There is no worker template ${name}${template ? ' for you' : ''}.`, {
    remedy: `Templates: ${mine.join(', ')}.`,
  });
}

function mayStart(spec: RunSpec, { background, most }: { background: boolean; most: number }): void {
  if (spec.depth >= most) {
    throw new HoldfastError('tool.failed', `Workers at depth ${spec.depth} start no workers.`, {
      remedy: 'Do it yourself, or say in your answer what is left. workers.maxSpawnDepth in config.json is the limit.',
    });
  }
  if (background && spec.kind === 'worker') {
    throw new HoldfastError('tool.bad-input', 'A worker cannot leave workers behind: they end with it.', {
      remedy: 'Start them without background.',
    });
  }
}

/** A call that is done again after a crash finds the workers it made. */
async function notYetMade(fresh: readonly Prepared[], runs: RunStore): Promise<Prepared[]> {
  const known = await Promise.all(fresh.map(({ id }) => runs.find(id)));
  return fresh.filter((_, n) => known[n] === undefined);
}
