import { mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import type { DatabaseSync } from 'node:sqlite';
import type { Home } from '../base/home.ts';
import { aborted } from '../base/lifecycle.ts';
import type { Logger } from '../base/logger.ts';
import { createVaultEvents, type VaultEvents } from './audit/events.ts';
import { createHeadSigner } from './audit/head-signer.ts';
import { type Budgets, createBudgets } from './budgets/budgets.ts';
import { createArchives } from './credentials/archive.ts';
import { createExceptions, type Exceptions } from './egress/exceptions.ts';
import { createFetchRoute } from './egress/fetch-route.ts';
import { createDoorModels } from './egress/models/door-models.ts';
import { type ResolveAll, resolveWithSystem } from './egress/pinned-connector.ts';
import type { LookInside } from './egress/proxy/door-context.ts';
import { createEgressProxy, type EgressProxy } from './egress/proxy/egress.ts';
import { createTrust } from './egress/trust.ts';
import { createFreezes, type Freezes } from './freeze/freezes.ts';
import { createLiveCalls } from './freeze/live-calls.ts';
import { closeServer, type ListenersDeps, listenOnLoopback, listenOnSocket } from './http/listeners.ts';
import { createAuthorize } from './keys/authorize.ts';
import { createKeyHealth } from './keys/key-health.ts';
import { type Canaries, createCanaries } from './leak/canaries.ts';
import { createTripwire, type Tripwire } from './leak/tripwire.ts';
import { Ledger } from './model/ledger.ts';
import { createModelProxy } from './model/model-proxy.ts';
import { loadPriceData } from './model/price-data.ts';
import { DEFAULT_TIMEOUTS, Providers, type UpstreamTimeouts } from './model/providers.ts';
import { createOwnerChanges } from './owner/owner-changes.ts';
import { createOwnerKeys } from './owner/owner-keys.ts';
import { createSealedRoom } from './sealed-room.ts';
import { createServicesRoom } from './services/room.ts';
import { createStatus } from './status.ts';
import { createCallers } from './store/callers.ts';
import { copyVaultDatabase, openVaultDatabase } from './store/database.ts';
import { type KeyHandover, KeyRing } from './store/key-ring.ts';
import { createMeta } from './store/meta.ts';
import { createTotps } from './totp/totps.ts';

export interface VaultConfig {
  readonly home: Home;
  readonly key: KeyHandover;
  /** `undefined` = no loopback listener, 0 = any free port. */
  readonly tcpPort: number | undefined;
  /** The host is another user, in the group of the run folder. */
  readonly groupSocket?: boolean;
  readonly confinement: readonly string[];
  readonly pid: number;
  readonly logger: Logger;
  readonly timeouts?: UpstreamTimeouts;
  readonly now?: () => number;
  /** DNS; given by tests of the egress wall. */
  readonly resolveAll?: ResolveAll;
}

export interface Vault extends AsyncDisposable {
  readonly tcpPort: number | undefined;
  readonly locked: boolean;
}

/** The most that a power cut, unlike the death of the process, takes from the ledger. */
const LEDGER_SYNC_MS = 5_000;
const PRICE_DATA = new URL('../../data/models.json', import.meta.url);

/** Composes the vault: database, key, secrets, ledger, proxy, doors. Disposal closes them in reverse. */
export async function createVault(config: VaultConfig): Promise<Vault> {
  await using stack = new AsyncDisposableStack();
  const { home } = config;
  for (const directory of [home.vaultDir, home.run]) mkdirSync(directory, { recursive: true, mode: 0o700 });
  const database = stack.adopt(openVaultDatabase(home.vaultDatabase), (open) => open.close());
  const meta = createMeta(database);
  const ring = await KeyRing.open(config.key, { database, meta, keyFile: home.vaultKeyFile });
  const { logger, now = Date.now } = config;
  const onWriteError = (error: Error): void => logger.error('the ledger could not be written', { error });
  const budgets = stack.use(createBudgets({ database, path: home.vaultDatabase, meta, now, onWriteError }));
  // Calls that closing the doors and the connections cuts off are still written down, as estimated.
  stack.defer(() => budgets.writer.flush());
  const providers = stack.use(new Providers(database, config.timeouts ?? DEFAULT_TIMEOUTS));
  let tcpPort: number | undefined;
  const exceptions = createExceptions(database);
  const resolveAll = config.resolveAll ?? resolveWithSystem;
  const freezes = createFreezes(database, now);
  const canaries = createCanaries({ database, ring, now });
  const events = createVaultEvents(database, now);
  const tripwire = createTripwire({ canaries, freezes, events });
  const directory = home.egressDoors;
  const meter = budgets.egressMeter;
  const inside = createLater<LookInside>();
  const egress = stack.use(
    createEgressProxy({
      ...{ database, directory, exceptions, freezes, tripwire, meter, resolveAll, now, logger },
      look: inside.get,
    }),
  );
  const core = {
    ...{ database, ring, providers, budgets, exceptions, freezes, egress, canaries, events, tripwire },
    tcpPort: () => tcpPort,
  };
  const deps = composeDoors(config, core, inside.set);
  await egress.doors.reopen();
  const servers: Server[] = [];
  stack.defer(async () => void (await Promise.all(servers.map(closeServer))));
  const timer = stack.adopt(
    setInterval(() => syncLedger(deps), LEDGER_SYNC_MS),
    clearInterval,
  );
  timer.unref();
  servers.push(await listenOnSocket({ path: home.vaultOwnerSocket, door: 'owner', mode: 0o600 }, deps));
  const mode = config.groupSocket === true ? 0o660 : 0o600;
  servers.push(await listenOnSocket({ path: home.vaultHostSocket, door: 'host', mode }, deps));
  if (config.tcpPort !== undefined) {
    const loopback = await listenOnLoopback(config.tcpPort, deps);
    servers.push(loopback.server);
    tcpPort = loopback.port;
  }
  const owned = stack.move();
  return {
    tcpPort,
    get locked() {
      return ring.key === undefined;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Runs until the signal fires. `onReady` is called when every door is open. */
export async function run(config: VaultConfig, signal: AbortSignal, onReady: (vault: Vault) => void): Promise<void> {
  await using vault = await createVault(config);
  onReady(vault);
  await aborted(signal);
}

function syncLedger({ routes, logger }: ListenersDeps): void {
  try {
    routes.budgets.writer.sync();
  } catch (error) {
    logger.error('the ledger could not be synced to the disk', { error });
  }
}

interface Core {
  readonly database: DatabaseSync;
  readonly ring: KeyRing;
  readonly providers: Providers;
  readonly budgets: Budgets;
  readonly exceptions: Exceptions;
  readonly freezes: Freezes;
  readonly canaries: Canaries;
  readonly events: VaultEvents;
  readonly tripwire: Tripwire;
  readonly egress: EgressProxy;
  readonly tcpPort: () => number | undefined;
}

/** For two parts that need each other: what is asked for before it is there is a mistake of ours. */
function createLater<T>(): { readonly get: () => T; readonly set: (value: T) => void } {
  const made: T[] = [];
  return {
    get: () => {
      const [value] = made;
      if (value === undefined) throw new Error('asked for before it was made');
      return value;
    },
    set: (value) => void made.push(value),
  };
}

function composeDoors(config: VaultConfig, core: Core, setLook: (look: LookInside) => void): ListenersDeps {
  const { database, ring, providers, budgets, exceptions, egress, freezes } = core;
  const { logger, now = Date.now } = config;
  const prices = loadPriceData(PRICE_DATA);
  const ownerKeys = createOwnerKeys(database, now);
  const { canaries, events, tripwire } = core;
  const sealed = createSealedRoom({ database, ring, freezes, canaries, now });
  const { secrets, identity, credentials, authority, leaks, guard } = sealed;
  sealed.open();
  const ledger = new Ledger({ database, budgets, now });
  const health = createKeyHealth(database, now);
  const callers = createCallers(database);
  const resolveAll = config.resolveAll ?? resolveWithSystem;
  const live = createLiveCalls(freezes);
  const trust = createTrust(database);
  const servicesRoom = createServicesRoom({
    ...{ database, credentials, trust, freezes, tripwire, live, exceptions, resolveAll, now },
    ...{ meter: budgets.egressMeter, guard, rules: egress.rules.grantOf },
  });
  sealed.alsoWatch(servicesRoom.tokens);
  const meter = budgets.egressMeter;
  const fetch = createFetchRoute({ database, exceptions, freezes, tripwire, meter, live, guard, resolveAll });
  const proxy = createModelProxy({
    ...{ providers, secrets, ledger, prices, logger, health, now },
    authorize: createAuthorize({ tokens: servicesRoom.tokens, now }),
    ...{ guard, tripwire, payers: budgets.payers },
  });
  const models = createDoorModels({ providers, proxy, freezes, live });
  setLook({ ...servicesRoom, authority, trust, guard, models });
  const status = createStatus({ ...core, pid: config.pid, confinement: config.confinement, secrets, prices, health });
  const changes = createOwnerChanges({
    ...{ database, identity, keys: ownerKeys, now },
    ...{ credentials, freezes, limits: budgets.limits, rules: egress.rules, taskGrants: egress.taskGrants, exceptions },
  });
  const copyDatabase = (): string => {
    budgets.writer.flush();
    return copyVaultDatabase(database, config.home.vaultDir);
  };
  const routes = {
    health,
    copyDatabase,
    status,
    ring,
    secrets,
    providers,
    budgets,
    ledger,
    callers,
    exceptions,
    egress,
    prices,
    fetch,
    credentials,
    archives: createArchives({ credentials, secrets }),
    identity,
    ownerKeys,
    changes,
    freezes,
    heads: createHeadSigner({ database, secrets, now }),
    events,
    leaks,
    tripwire,
    canaries,
    openSealed: sealed.open,
    reseal: sealed.reseal,
    totps: createTotps({ secrets, meta: createMeta(database), now }),
    servicesRoom,
    trust,
  };
  return { routes, proxy, callers, live, logger };
}
