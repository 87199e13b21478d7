import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '../base/clock.ts';
import { type Home, prepareHome } from '../base/home.ts';
import { uuidv7 } from '../base/id.ts';
import { BackgroundQueue } from '../base/lifecycle.ts';
import type { Logger } from '../base/logger.ts';
import { VERSION } from '../base/version.ts';
import type { HoldfastConfig } from '../protocol/config.ts';
import { chainsOf, modelRefOf } from '../protocol/model-chains.ts';
import { SIMULATOR_PROVIDER } from '../protocol/provider.ts';
import { selectLauncher } from '../sandbox/select.ts';
import { createFileBlobStore } from '../storage/file-blob-store.ts';
import type { Store } from '../storage/store.ts';
import { readAgentBase, readOperator } from './agents/operator.ts';
import { purgeRemoved } from './agents/purge.ts';
import { type Api, createApi } from './api/api.ts';
import type { ApiFeature } from './api/app.ts';
import { consentRoutes } from './api/routes/consent.ts';
import { credentialRoutes } from './api/routes/credentials.ts';
import { fleetFeatures } from './api/routes/fleet.ts';
import { meshRoutes } from './api/routes/mesh.ts';
import { steeringRoutes } from './api/routes/steering.ts';
import { budgetRoutes } from './budgets/budget-routes.ts';
import { createBudgetWarnings } from './budgets/budget-warnings.ts';
import { createRunBudget } from './budgets/run-budget.ts';
import { createCommunity, openPeople } from './compose/community.ts';
import { createSafety } from './compose/safety.ts';
import { createControl } from './control/create-control.ts';
import { createDoctor } from './control/doctor.ts';
import { createStatus } from './control/status.ts';
import type { Control } from './control.ts';
import { type Core, createCore } from './core.ts';
import { createCredentialTools } from './credentials/credential-tools.ts';
import { createGuardedBlobs } from './leaks/guarded-blobs.ts';
import { createLeakGuard } from './leaks/leak-guard.ts';
import { createChains } from './models/chain.ts';
import { createModels } from './models/models.ts';
import { openHostStore } from './open-store.ts';
import { packageRoot } from './package-root.ts';
import { createPolicyDesk } from './policy/policy-desk.ts';
import { createPolicyHistory } from './policy/policy-history.ts';
import { policyRoutes } from './policy/routes.ts';
import { createTimeMachine } from './policy/time-machine.ts';
import { createDecoys, type Decoys } from './sandboxes/decoy.ts';
import { createEgressDoors, type EgressDoors } from './sandboxes/egress-doors.ts';
import { createNetworkSource } from './sandboxes/open-for-task.ts';
import { createRunSandboxes, type RunSandboxes } from './sandboxes/run-sandboxes.ts';
import { createTrustFiles } from './sandboxes/trust-files.ts';
import { loadTeamTemplates } from './teams/team-templates.ts';
import { createHttpRequest } from './tools/http-request.ts';
import { createListServices } from './tools/list-services.ts';
import { createPageReader } from './tools/page/page-reader.ts';
import { createSandboxTools } from './tools/sandbox-tools.ts';
import { WORKER_TOOLS } from './tools/toolbox.ts';
import { createWebFetch } from './tools/web-fetch.ts';
import { createVaultClient } from './vault-client/vault-client.ts';
import { loadTemplates } from './workers/templates.ts';

export interface HostConfig {
  readonly home: Home;
  readonly config: HoldfastConfig;
  readonly pid: number;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Called when the database cannot be written any more (disk full): the process should say so loudly. */
  readonly onFatal?: (error: Error) => void;
}

export interface Host extends AsyncDisposable {
  readonly api: Api;
  readonly control: Control;
  readonly core: Core;
}

const SWEEP_EVERY_MS = 15_000;
export const GUIDE_MODEL = `${SIMULATOR_PROVIDER}/guide`;

/** The host process, whole: builds everything in order, takes up what was open, then listens. */
export async function createHost(options: HostConfig): Promise<Host> {
  const { home, config, pid, log, clock = systemClock } = options;
  await using stack = new AsyncDisposableStack();
  await prepareHome(home);
  const engine = await createEngine({ ...options, clock }, stack);
  const { core, store, blobs, vault, models } = engine;
  await core.agents.ensureOperator(await readOperator(packageRoot));
  let url = '';
  const community = createCommunity({ ...engine, clock, url: () => url });
  const safety = await createSafety({ ...engine, config, home: home.root, clock, log });
  const { audit, freeze, chatWord } = safety;
  const defaultModel = modelOf(config);
  const budgetWarnings = createBudgetWarnings({
    ...{ store, clock, vault: vault.spending, log: log.child('budgets') },
    ...{ sql: core.sql, journal: core.journal, runs: core.runs },
  });
  const facts = {
    budgetWarnings,
    ...core,
    ...engine,
    home: home.root,
    config,
    version: VERSION,
    pid,
    url: () => url,
    defaultModel,
    clock,
  };
  const control = createControl({
    ...core,
    blobs,
    vault,
    defaultModel,
    chatWord,
    people: { ...engine.people, ownership: community.ownership },
    status: createStatus({ ...facts, auditStatus: audit.status }),
    doctor: createDoctor({ ...facts, model: models }),
  });
  await engine.sandboxes.sweepVolumes(new Set((await core.runs.open()).map((run) => run.id)));
  // Before anybody can send more: what was waiting keeps its place in its lane.
  const recovered = await core.recover();
  if (recovered > 0) log.info('Took up runs that were open', { runs: recovered });
  const background = stack.use(
    new BackgroundQueue((error, name) => log.error('Background work failed', { work: name, error })),
  );
  background.add('audit', audit.run);
  background.add('freeze', freeze.run);
  background.add('budget warnings', (signal) => budgetWarnings.watch(signal));
  background.add('sweep', (signal) =>
    sweep({ core, clock, signal, questionsExpireAfterMs: config.approvals.expiresAfterMs }),
  );
  background.add('removed agents', (signal) => purgeRemoved({ ...core, ...engine, clock }, signal));
  background.add('egress doors', async (signal) => {
    await vault.waitUntilReachable(signal);
    await engine.doors.sweep(async () => new Set((await core.runs.open()).map((run) => run.id)));
  });
  const copyDatabase = async (): Promise<string> => {
    const { snapshotDatabase } = await import('./maintenance/snapshots.ts');
    const target = join(home.backups, `.copy-${uuidv7()}`);
    await snapshotDatabase(home, config.database, target);
    return target;
  };
  const gateway = { control, access: community.access, people: community.api, config, clock };
  const api = stack.use(
    await createApi({
      ...gateway,
      rates: core.rates,
      features: [
        ...safety.features,
        ...community.features,
        ...featuresOf({ core, control, vault, store, home, config, clock }),
      ],
      version: VERSION,
      log: log.child('api'),
      copyDatabase,
      socketPath: home.hostSocket,
      webRoot: join(packageRoot, 'web/dist'),
    }),
  );
  url = api.url;
  engine.tryOut();
  const owned = stack.move();
  return { api, control, core, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

interface FeatureParts extends Pick<HostConfig, 'home' | 'config'> {
  readonly store: Store;
  readonly clock: Clock;
  readonly core: Core;
  readonly control: Control;
  readonly vault: ReturnType<typeof createVaultClient>;
}

/** The routes that other rooms bring, each with its own service. */
function featuresOf({ core, control, vault, store, home, config, clock }: FeatureParts): ApiFeature[] {
  const paths = { home: home.root, userHome: homedir() };
  const history = createPolicyHistory({ ...core, store });
  return [
    policyRoutes(
      createPolicyDesk({ ...core, tools: core.toolbox.byName, ...paths }),
      createTimeMachine({ ...core, history, config: config.policy, paths, clock }),
    ),
    (app) => steeringRoutes(app, core.steering),
    ...fleetFeatures(core, store),
    (app) => credentialRoutes(app, vault.credentials),
    (app) => budgetRoutes(app, { vault: vault.spending }),
    consentRoutes(core),
    meshRoutes({ ...core, control }),
  ];
}

const modelOf = (config: HoldfastConfig) => (): string => modelRefOf(config) ?? GUIDE_MODEL;

/** Database, vault, sandboxes and models, and the core that works with them. */
async function createEngine(options: HostConfig & { clock: Clock }, stack: AsyncDisposableStack) {
  const { home, config, log, clock } = options;
  const store = stack.use(
    await openHostStore({ home, database: config.database, log: log.child('store'), ...fatalOf(options) }),
  );
  const people = await openPeople(store, clock);
  const vault = stack.use(createVaultClient({ socketPath: home.vaultHostSocket, log: log.child('vault'), clock }));
  const doors = createEgressDoors({ vault: vault.egress, log: log.child('egress') });
  const decoys = createDecoys((agentId) => vault.scan.canaries(agentId));
  const { sandboxes, tryOut } = await openSandboxes(options, { stack, doors, decoys });
  const vaultReachable = async (signal: AbortSignal): Promise<void> => void (await vault.waitUntilReachable(signal));
  const stopping = new AbortController();
  const leaks = createLeakGuard({
    ...{ vault: vault.scan, vaultReachable, clock, log: log.child('leaks') },
    shutdown: stopping.signal,
  });
  const blobs = createGuardedBlobs(await createFileBlobStore(home.blobs), leaks);
  const models = createChains({
    model: createModels({ vault, log: log.child('models'), clock }),
    chains: chainsOf(config),
    health: vault.modelHealth,
    log: log.child('models'),
  });
  const pages = stack.use(createPageReader());
  const core = stack.use(
    createCore({
      store,
      blobs,
      leaks,
      deciders: people.roster,
      model: models,
      contextWindow: (model) => models.contextWindow(model),
      vaultReachable,
      budget: createRunBudget({
        vault: vault.spending,
        vaultReachable,
        atCap: config.budgets.atCap,
        clock,
        log: log.child('budgets'),
      }),
      sandboxes,
      network: createNetworkSource(vault, clock),
      actingTools: ({ artifacts }) => [
        ...createSandboxTools({ blobs, recordArtifact: artifacts.record }),
        createHttpRequest({ blobs, services: vault.services }),
        createListServices(vault.services),
        ...createCredentialTools(vault.credentials),
        createWebFetch({ blobs, pages, fetch: (request, signal) => vault.fetch(request, signal) }),
      ],
      templates: await loadTemplates(join(packageRoot, 'templates/workers'), WORKER_TOOLS),
      teamTemplates: await loadTeamTemplates(join(packageRoot, 'templates/teams')),
      probeUrl: async (url, run, signal) =>
        (await vault.fetch({ agent: run.agentId, run: run.runId, url }, signal)).head.status,
      agentBase: await readAgentBase(packageRoot),
      config,
      defaultModel: modelOf(config),
      paths: { home: home.root, userHome: homedir() },
      clock,
      log,
    }),
  );
  // First of all: a run that waits for the vault must not hold the end of the host.
  stack.defer(() => stopping.abort());
  return { people, store, blobs, leaks, vault, sandboxes, tryOut, doors, models, core };
}

const fatalOf = ({ onFatal }: HostConfig) => (onFatal === undefined ? {} : { onFatal });

async function openSandboxes(
  { home, config, log }: HostConfig,
  { stack, doors, decoys }: { stack: AsyncDisposableStack; doors: EgressDoors; decoys: Decoys },
): Promise<{ sandboxes: RunSandboxes; tryOut: () => void }> {
  const launcher = stack.use(selectLauncher(config.sandbox, { home: home.root, scratch: home.run }));
  const swept = await launcher.sweep();
  if (swept > 0) log.warn('Ended what a crashed host had left running', { processTrees: swept });
  // Not before the gateway listens: it is the slowest part of a start, and only whoever needs a sandbox must wait for it.
  const begin = Promise.withResolvers<void>();
  const probe = begin.promise.then(() => launcher.probe(AbortSignal.timeout(20_000)));
  const trust = createTrustFiles(join(home.run, 'trust'));
  const sandboxes = stack.use(
    createRunSandboxes({
      ...{ launcher, probe, doors, trust, decoys },
      volumes: home.volumes,
      limits: config.sandbox.limits,
    }),
  );
  stack.defer(() => begin.resolve()); // A start that failed must not leave anyone waiting.
  return { sandboxes, tryOut: begin.resolve };
}

interface SweepDeps {
  readonly core: Core;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly questionsExpireAfterMs: number;
}

/** What must happen by the clock even when nobody asks: unanswered approvals and workers' questions come to an end. */
async function sweep({ core, clock, signal, questionsExpireAfterMs }: SweepDeps): Promise<void> {
  for (;;) {
    await core.approvals.expireDue();
    await core.supervision.look();
    await core.mesh.sweep();
    await core.selfQueue.deliver();
    for (const run of await core.runs.open()) {
      if (run.state !== 'asked' || run.progress_at + questionsExpireAfterMs > clock.now()) continue;
      await core.manager.cancel(run.id, 'Nobody answered the question of this worker in time.');
    }
    await clock.sleep(SWEEP_EVERY_MS, signal);
  }
}
