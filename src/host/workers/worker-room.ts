import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { CompiledFloor } from '../../policy/floor.ts';
import type { HoldfastConfig } from '../../protocol/config.ts';
import type { Store } from '../../storage/store.ts';
import type { HostSql } from '../database.ts';
import type { Journal } from '../journal/journal.ts';
import type { RunManager } from '../runs/run-manager.ts';
import type { RunStore } from '../runs/run-store.ts';
import type { Steering } from '../steering/steering.ts';
import type { AnyTool } from '../tools/tool.ts';
import { createAskParent } from './ask-parent.ts';
import { createLineages } from './lineages.ts';
import { createWorkerTemplates, type WorkerTemplates } from './template-store.ts';
import type { WorkerTemplate } from './templates.ts';
import { createPlaces, type Reach } from './worker-permissions.ts';
import { createWorkerTools } from './worker-tools.ts';
import { createWorkers, type Workers } from './workers.ts';

/** Templates, the workers made from them, and the tools for both. */
export interface WorkerRoom {
  readonly templates: WorkerTemplates;
  readonly workers: Workers;
  readonly tools: readonly AnyTool[];
}

export interface WorkerRoomDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly clock: Clock;
  readonly runs: RunStore;
  readonly journal: Journal;
  readonly config: HoldfastConfig;
  /** The templates of this version. */
  readonly templates: readonly WorkerTemplate[];
  readonly paths: { readonly home: string; readonly userHome: string };
  readonly sandboxes: { readonly reach: Reach };
  readonly policy: { readonly floor: CompiledFloor };
  /** Made after this. */
  readonly manager: () => RunManager;
  readonly steering: () => Steering;
  readonly knownTools: () => readonly string[];
}

export function createWorkerRoom(deps: WorkerRoomDeps): WorkerRoom {
  const { userHome } = deps.paths;
  const { reach } = deps.sandboxes;
  const folder = join(deps.paths.home, 'templates', 'workers');
  const templates = createWorkerTemplates({ ...deps, shipped: deps.templates, folder });
  const lineages = createLineages({ ...deps, limits: deps.config.workers });
  const places = createPlaces(deps.policy.floor);
  const { maxSpawnDepth } = deps.config.workers;
  const workers = createWorkers({ ...deps, templates, lineages, maxSpawnDepth, reach, places, userHome });
  return {
    templates,
    workers,
    tools: [...createWorkerTools(workers, { userHome, templates, reach, places }), createAskParent()],
  };
}
