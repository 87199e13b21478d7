import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { z } from 'zod';
import { type Clock, systemClock } from '../base/clock.ts';
import { silentLogger } from '../base/logger.ts';
import { type Core, createCore } from '../host/core.ts';
import type { Model } from '../host/models/model.ts';
import { packageRoot } from '../host/package-root.ts';
import type { NetworkSource } from '../host/sandboxes/network-watch.ts';
import { createRunSandboxes, type RunSandboxes } from '../host/sandboxes/run-sandboxes.ts';
import type { AnyTool } from '../host/tools/tool.ts';
import { OPERATOR_TOOLS, WORKER_TOOLS } from '../host/tools/toolbox.ts';
import { loadTemplates } from '../host/workers/templates.ts';
import { HoldfastConfig } from '../protocol/config.ts';
import type { TeamTemplate } from '../protocol/team.ts';
import { createFileBlobStore } from '../storage/file-blob-store.ts';
import type { Store } from '../storage/store.ts';
import { noDoors } from './no-doors.ts';
import { noLauncher } from './no-launcher.ts';
import { testStores } from './test-stores.ts';

export interface TestCore extends AsyncDisposable {
  readonly core: Core;
  readonly store: Store;
  readonly home: string;
  /** As kill -9 leaves it: nothing is finished or written any more, only the file is let go. */
  abandon(): Promise<void>;
}

export interface TestCoreOptions {
  readonly model: Model;
  readonly tools?: readonly AnyTool[];
  /** Where an earlier core left its database; default: a new temporary folder, removed at the end. */
  readonly home?: string;
  readonly limits?: Partial<HoldfastConfig['limits']>;
  readonly policy?: z.input<typeof HoldfastConfig>['policy'];
  readonly rateLimits?: z.input<typeof HoldfastConfig>['rateLimits'];
  /** The rest of `config.json`. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly clock?: Clock;
  /** Default: it always is. */
  readonly vaultReachable?: (signal: AbortSignal) => Promise<void>;
  /** The database already holds the operator: do not write it again. */
  readonly operatorReady?: boolean;
  readonly teamTemplates?: readonly TeamTemplate[];
  /** Default: none can be made. */
  readonly sandboxes?: RunSandboxes;
  /** What the vault knows of the network of sandboxes. */
  readonly network?: NetworkSource;
  /** What every template lists under `egress`. */
  readonly egress?: readonly string[];
  readonly wrapStore?: (store: Store) => Store;
}

/** The host's core over a real database, with a scripted model and no sandbox. */
export async function createTestCore(options: TestCoreOptions): Promise<TestCore> {
  const home = options.home ?? (await mkdtemp(join(tmpdir(), 'holdfast-core-')));
  const opened = await testStores().open(home);
  const store = options.wrapStore?.(opened) ?? opened;
  const config = HoldfastConfig.parse({
    ...options.config,
    limits: options.limits ?? {},
    policy: options.policy ?? {},
    rateLimits: options.rateLimits ?? {},
  });
  const launcher = noLauncher();
  const sandboxes =
    options.sandboxes ??
    createRunSandboxes({
      launcher,
      probe: await launcher.probe(AbortSignal.timeout(1_000)),
      volumes: join(home, 'volumes'),
      limits: config.sandbox.limits,
      doors: noDoors,
    });
  const tools = options.tools ?? [];
  const templates = await loadTemplates(join(packageRoot, 'templates/workers'), WORKER_TOOLS);
  const core = createCore({
    store,
    blobs: await createFileBlobStore(join(home, 'blobs')),
    model: options.model,
    contextWindow: async () => undefined,
    vaultReachable: options.vaultReachable ?? (async () => {}),
    sandboxes,
    ...(options.network === undefined ? {} : { network: options.network }),
    actingTools: () => tools,
    templates: templates.map((template) => ({
      ...template,
      tools: [...new Set([...template.tools, ...tools.map((tool) => tool.name)])],
      ...(options.egress === undefined ? {} : { egress: [...options.egress] }),
    })),
    agentBase: 'You are an agent.',
    ...(options.teamTemplates === undefined ? {} : { teamTemplates: options.teamTemplates }),
    config,
    defaultModel: () => 'simulator/guide',
    paths: { home, userHome: '/home/nobody' },
    clock: options.clock ?? systemClock,
    log: silentLogger,
  });
  if (options.operatorReady !== true)
    await core.agents.ensureOperator({
      instructions: 'You are the operator.',
      tools: [...OPERATOR_TOOLS, ...tools.map((tool) => tool.name)],
    });
  return {
    core,
    store,
    home,
    abandon: async () => await opened[Symbol.asyncDispose](),
    async [Symbol.asyncDispose]() {
      await core[Symbol.asyncDispose]();
      await opened[Symbol.asyncDispose]();
      if (options.home === undefined) await rm(home, { recursive: true, force: true });
    },
  };
}
