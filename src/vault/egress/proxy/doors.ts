import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { Logger } from '../../../base/logger.ts';
import { judgeEgress } from '../../../policy/egress.ts';
import { type EgressDoor, EgressDoorRequest, isIntercepted, rulesOf } from '../../../protocol/egress.ts';
import { HoldfastError } from '../../../protocol/error.ts';
import type { Freezes } from '../../freeze/freezes.ts';
import type { Tripwire } from '../../leak/tripwire.ts';
import type { Exceptions } from '../exceptions.ts';
import type { EgressMeter } from '../meter.ts';
import type { ResolveAll } from '../pinned-connector.ts';
import type { ConnectionLog } from './connection-log.ts';
import { type Door, openDoor } from './door.ts';
import { type DoorContext, type LookInside, MOST_LIVE } from './door-context.ts';
import type { OwnerRules } from './owner-rules.ts';
import { askOf, type ProxyTarget } from './request-target.ts';
import type { TaskGrants } from './task-grants.ts';

/**
 * The doors of all running sandboxes. Which there are is kept in the database, so that a vault that was killed opens the
 * very same sockets again. A door ends with its run, or when nobody asked for it for `LEASE_MS`.
 */
export interface Doors extends AsyncDisposable {
  open(request: EgressDoorRequest): Promise<EgressDoor>;
  close(run: string): Promise<void>;
  runs(): string[];
  /** Opens those of an earlier life of this vault. */
  reopen(): Promise<void>;
}

export interface DoorsDeps {
  readonly database: DatabaseSync;
  readonly directory: string;
  readonly rules: OwnerRules;
  readonly taskGrants: TaskGrants;
  readonly exceptions: Exceptions;
  readonly freezes: Freezes;
  readonly tripwire: Tripwire;
  readonly connections: ConnectionLog;
  readonly resolveAll: ResolveAll;
  readonly now: () => number;
  readonly logger: Logger;
  readonly meter: EgressMeter;
  readonly look: () => LookInside;
}

const MOST_DOORS = 1_000;
/** Longer than the longest worker. */
const LEASE_MS = 21_600_000;
const LEASE_CHECK_MS = 60_000;

interface Held {
  readonly agent: string;
  readonly socketPath: string;
  only: readonly string[] | undefined;
  renewedAt: number;
  door: Door;
}

export function createDoors(deps: DoorsDeps): Doors {
  const held = new Map<string, Held>();
  const opening = new Map<string, Promise<{ socketPath: string }>>();
  const forget = deps.database.prepare('DELETE FROM egress_doors WHERE run = ?');
  const keep = deps.database.prepare(
    `INSERT INTO egress_doors (run, agent, only_places, name, renewed_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (run) DO UPDATE SET only_places = excluded.only_places, renewed_at = excluded.renewed_at`,
  );
  mkdirSync(deps.directory, { recursive: true, mode: 0o711 });
  chmodSync(deps.directory, 0o711);

  const openOne = async ({ agent, run, only }: EgressDoorRequest, name: string): Promise<{ socketPath: string }> => {
    const socketPath = join(deps.directory, name);
    const state: Omit<Held, 'door'> = { agent, socketPath, only, renewedAt: deps.now() };
    const context = contextOf(deps, { agent, run, only: () => (held.get(run) ?? state).only });
    const door = await openDoor(socketPath, context, deps.logger);
    held.set(run, { ...state, door });
    keep.run(run, agent, only ? JSON.stringify(only) : null, name, state.renewedAt);
    return { socketPath };
  };

  const close = async (run: string): Promise<void> => {
    await opening.get(run)?.catch(() => undefined);
    const one = held.get(run);
    held.delete(run);
    forget.run(run);
    deps.taskGrants.clear(run);
    await one?.door[Symbol.asyncDispose]();
  };

  const renew = (known: Held, { agent, run, only }: EgressDoorRequest): { socketPath: string } => {
    if (known.agent !== agent)
      throw new HoldfastError('conflict', `The run ${run} has a door already, for the agent ${known.agent}.`);
    known.only = only;
    known.renewedAt = deps.now();
    keep.run(run, agent, only ? JSON.stringify(only) : null, '', known.renewedAt);
    known.door.recheck();
    return { socketPath: known.socketPath };
  };

  const open = async (request: EgressDoorRequest): Promise<{ socketPath: string }> => {
    while (opening.has(request.run)) await opening.get(request.run)?.catch(() => undefined);
    const known = held.get(request.run);
    if (known) return renew(known, request);
    if (held.size + opening.size >= MOST_DOORS)
      throw new HoldfastError('rate-limited', `${MOST_DOORS} sandboxes have a way out already.`, { retryable: true });
    const made = openOne(request, randomBytes(8).toString('hex')).finally(() => opening.delete(request.run));
    opening.set(request.run, made);
    return await made;
  };

  /** The authority goes to the sandboxes of agents that have something intercepted, and to no other. */
  const withEquipment = ({ agent, run, only }: EgressDoorRequest, door: { socketPath: string }): EgressDoor => {
    const { authority, databases, models } = deps.look();
    const certificate = deps.rules.of(agent).intercept.length === 0 ? undefined : authority.certificate();
    const forwards = databases.forwardsOf(agent);
    const aliases = models.aliases(contextOf(deps, { agent, run, only: () => only }));
    return {
      ...door,
      ...(aliases.length === 0 ? {} : { models: [...aliases] }),
      ...(certificate === undefined ? {} : { authority: certificate }),
      ...(forwards.length === 0 ? {} : { forwards: forwards.map((one) => ({ ...one })) }),
    };
  };

  const recheckAll = (): void => {
    for (const { door } of held.values()) door.recheck();
  };
  deps.rules.onChange(recheckAll);
  deps.freezes.onChange(recheckAll);
  const timer = setInterval(() => {
    for (const [run, { renewedAt }] of held) if (renewedAt + LEASE_MS < deps.now()) void close(run);
  }, LEASE_CHECK_MS);
  timer.unref();

  return {
    open: async (request) => withEquipment(request, await open(request)),
    close,
    runs: () => [...held.keys()],
    reopen: async () => {
      const rows = deps.database.prepare('SELECT * FROM egress_doors').all();
      const names = new Set(rows.map((row) => String(row.name)));
      for (const name of readdirSync(deps.directory))
        if (!names.has(name)) rmSync(join(deps.directory, name), { force: true });
      for (const row of rows) {
        const only = row.only_places === null ? undefined : JSON.parse(String(row.only_places));
        await openOne(EgressDoorRequest.parse({ agent: row.agent, run: row.run, only }), String(row.name));
      }
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      const all = [...held.values()];
      held.clear();
      await Promise.all(all.map(({ door }) => door[Symbol.asyncDispose]()));
    },
  };
}

interface Who {
  readonly agent: string;
  readonly run: string;
  readonly only: () => readonly string[] | undefined;
}

function contextOf(deps: DoorsDeps, { agent, run, only }: Who): DoorContext {
  const context: DoorContext = {
    agent,
    run,
    resolveAll: deps.resolveAll,
    log: deps.connections,
    frozen: () => deps.freezes.of(agent)?.reason,
    watch: () => deps.tripwire.watch(agent, 'a connection of its sandbox'),
    grant: () => {
      if (deps.freezes.of(agent)) return { allow: [], deny: [], only: [] };
      const places = only();
      const forTask = deps.taskGrants.of(run, agent);
      const { allow, deny } = deps.rules.grantOf(agent);
      return { allow: [...allow, ...forTask], deny, only: places && [...rulesOf(places), ...forTask] };
    },
    limits: () => deps.rules.of(agent).limits,
    exceptions: () => deps.exceptions.of(agent),
    live: new Set(),
    tunnels: new WeakMap(),
    spent: { bytes: deps.connections.bytesOf(run) },
    meter: deps.meter,
    intercepts: (place) =>
      isIntercepted(place, rulesOf(deps.rules.of(agent).intercept)) &&
      deps.look().authority.certificate() !== undefined,
    get look() {
      return deps.look();
    },
    closed: (target) => closedReason(context, target),
  };
  return context;
}

function closedReason(door: DoorContext, target: ProxyTarget): string | undefined {
  const frozen = door.frozen();
  if (frozen !== undefined) return frozen;
  if (judgeEgress(askOf(target), door.grant()) === 'denied') return 'the owner denied this place';
  if (door.live.size >= MOST_LIVE) return `the run has ${MOST_LIVE} connections already`;
  const spent = door.meter.onBytes({ agent: door.agent, run: door.run, bytes: 0 });
  if (spent !== undefined) return spent;
  const { runBytes } = door.limits();
  return door.spent.bytes >= runBytes ? `the run has used up its ${runBytes} bytes` : undefined;
}
