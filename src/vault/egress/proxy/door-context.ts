import type { Duplex } from 'node:stream';
import { type EgressGrant, judgeEgress } from '../../../policy/egress.ts';
import type { EgressLimits } from '../../../protocol/egress.ts';
import { HoldfastError } from '../../../protocol/error.ts';
import type { SecretGuard } from '../../secret-guard.ts';
import type { Injector } from '../../services/injector.ts';
import type { Databases } from '../../services/postgres/databases.ts';
import type { Authority } from '../intercept/authority.ts';
import type { EgressMeter } from '../meter.ts';
import type { DoorModels } from '../models/door-models.ts';
import { type Address, pinnedAddresses, type ResolveAll } from '../pinned-connector.ts';
import { type EgressException, isExcepted } from '../target.ts';
import type { Trust } from '../trust.ts';
import type { ConnectionLog, NewConnection } from './connection-log.ts';
import { askOf, type ProxyTarget, placeOf, TUNNEL } from './request-target.ts';
import type { Live } from './traffic.ts';

/** What every connection through one door shares: who asks, what holds now, and what is under way. */
export interface DoorContext {
  readonly agent: string;
  readonly run: string;
  readonly resolveAll: ResolveAll;
  readonly log: ConnectionLog;
  /** Read for every connection, so that a change of the owner's holds at once. */
  grant(): EgressGrant;
  limits(): EgressLimits;
  /** Why nothing goes through at all, when the kill switch was used. */
  frozen(): string | undefined;
  /** Looks at what one connection sends; a canary in it freezes the agent, and with that cuts the connection. */
  watch(): (chunk: Buffer) => void;
  /** Why nothing goes to this place, whatever else allows it: frozen, denied by the owner, full or spent. */
  closed(target: ProxyTarget): string | undefined;
  exceptions(): readonly EgressException[];
  readonly live: Set<Live>;
  /** Sockets that are a tunnel whose inside is read, in plain http or in TLS that is looked into, and what it is for. */
  readonly tunnels: WeakMap<Duplex, ProxyTarget>;
  /** Bytes of the run, all connections together. */
  readonly spent: { bytes: number };
  readonly meter: EgressMeter;
  /** Whether https to this place is looked into: the owner said so, and the vault is unlocked. */
  intercepts(place: Pick<ProxyTarget, 'host' | 'port'>): boolean;
  readonly look: LookInside;
}

/** What it takes to look into https and to put credentials in. */
export interface LookInside {
  readonly authority: Authority;
  readonly trust: Trust;
  readonly injector: Injector;
  readonly guard: () => SecretGuard;
  readonly databases: Databases;
  readonly models: DoorModels;
}

export interface Admitted {
  readonly kind: 'admitted';
  readonly addresses: readonly Address[];
}

export interface Refused {
  readonly kind: 'refused';
  readonly status: 400 | 403 | 502;
  readonly message: string;
}

const LONGEST_PATH = 500;
/** Connections of one run to the outside at once. */
export const MOST_LIVE = 128;

/** Judges, then resolves: a name that is not allowed is not even asked for. Writes the row of whatever is refused. */
export async function admit(door: DoorContext, target: ProxyTarget): Promise<Admitted | Refused> {
  const grant = door.grant();
  const verdict = judgeEgress(askOf(target), grant);
  const place = placeOf(target);
  const frozen = door.frozen();
  if (frozen !== undefined) return refuse(door, target, `${place}; ${frozen}`);
  if (verdict === 'not-of-this-run')
    return refuse(door, target, `${place}; the worker's template does not list it under egress`, askableOf(target));
  if (verdict !== 'allowed') {
    const listed =
      judgeEgress(askOf(target), { allow: grant.only ?? [], deny: [] }) === 'allowed' || grant.only === undefined;
    const also = listed ? '' : ' and list it under egress in the worker template';
    const ask = verdict === 'denied' ? undefined : askableOf(target);
    return refuse(door, target, `${place}; allow with: holdfast vault egress ${door.agent} allow ${place}${also}`, ask);
  }
  const closed = door.closed(target);
  if (closed !== undefined) return refuse(door, target, `${place}; ${closed}`);
  try {
    const excepted = isExcepted(target, door.exceptions());
    return { kind: 'admitted', addresses: await pinnedAddresses({ ...target, excepted }, door.resolveAll) };
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'egress.denied')
      return refuse(
        door,
        target,
        `${place} is not a public internet address; allow with: holdfast vault allow ${door.agent} ${place}`,
      );
    return fail(door, target, `${place} was not found (${codeOf(error)})`);
  }
}

/**
 * What the owner could open for one task: the host and port that were asked for. A name is enough: what may be sent there
 * is then as wide as if its rules named it.
 */
function askableOf({ scheme, host, port }: ProxyTarget): string {
  return `${scheme}://${placeOf({ host, port })}`;
}

export function refuse(door: DoorContext, target: ProxyTarget, reason: string, ask?: string): Refused {
  const message = `egress denied: ${reason}`;
  door.log.deny(connectionOf(door, target), message, ask);
  return { kind: 'refused', status: 403, message };
}

/** Something that is no request of a kind that could be judged. */
export function refuseOdd(door: DoorContext, reason: string): Refused {
  const message = `egress denied: ${reason}`;
  door.log.deny({ agent: door.agent, run: door.run, scheme: '', host: '', port: 0 }, message);
  return { kind: 'refused', status: 400, message };
}

/** Allowed, but not to be had. */
export function fail(door: DoorContext, target: ProxyTarget, reason: string): Refused {
  const row = door.log.open(connectionOf(door, target));
  door.log.finish(row, { verdict: 'failed', reason, bytesUp: 0, bytesDown: 0 });
  return { kind: 'refused', status: 502, message: reason };
}

export function connectionOf(door: DoorContext, target: ProxyTarget, service = ''): NewConnection {
  const { scheme, host, port, method, path } = target;
  const line = method === TUNNEL ? {} : { method, path: path.slice(0, LONGEST_PATH) };
  return { agent: door.agent, run: door.run, scheme, host, port, service, ...line };
}

export function codeOf(error: unknown): string {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  if (error instanceof Error) return 'code' in error && error.code ? String(error.code) : error.message;
  return String(error);
}
