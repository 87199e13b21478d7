import type { Duplex } from 'node:stream';
import { type EgressGrant, judgeEgress } from '../../../policy/egress.ts';
import type { EgressLimits } from '../../../protocol/egress.ts';
import { HoldfastError } from '../../../protocol/error.ts';
import type { EgressMeter } from '../meter.ts';
import { type Address, pinnedAddresses, type ResolveAll } from '../pinned-connector.ts';
import { type EgressException, isExcepted } from '../target.ts';
import type { ConnectionLog, NewConnection } from './connection-log.ts';
import { type ProxyTarget, placeOf } from './request-target.ts';
import type { Live } from './traffic.ts';

/** What every connection through one door shares: who asks, what holds now, and what is under way. */
export interface DoorContext {
  readonly agent: string;
  readonly run: string;
  readonly resolveAll: ResolveAll;
  /** Counts against the budgets; says why no more may go. */
  readonly meter?: EgressMeter | undefined;
  readonly log: ConnectionLog;
  /** Read for every connection, so that a change of the owner's holds at once. */
  grant(): EgressGrant;
  limits(): EgressLimits;
  /** Why nothing goes through at all, when the kill switch was used. */
  frozen(): string | undefined;
  exceptions(): readonly EgressException[];
  readonly live: Set<Live>;
  /** Sockets that are a tunnel in which plain http is spoken, and what the tunnel is for. */
  readonly tunnels: WeakMap<Duplex, ProxyTarget>;
  /** Bytes of the run, all connections together. */
  readonly spent: { bytes: number };
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

/** Connections of one run to the outside at once. */
export const MOST_LIVE = 128;

/** Judges, then resolves: a name that is not allowed is not even asked for. Writes the row of whatever is refused. */
export async function admit(door: DoorContext, target: ProxyTarget): Promise<Admitted | Refused> {
  const grant = door.grant();
  const verdict = judgeEgress(target, grant);
  const place = placeOf(target);
  const frozen = door.frozen();
  if (frozen !== undefined) return refuse(door, target, `${place}; ${frozen}`);
  if (verdict === 'not-of-this-run')
    return refuse(door, target, `${place}; the worker's template does not list it under egress`);
  if (verdict !== 'allowed') {
    const listed = judgeEgress(target, { allow: grant.only ?? [], deny: [] }) === 'allowed' || grant.only === undefined;
    const also = listed ? '' : ' and list it under egress in the worker template';
    return refuse(door, target, `${place}; allow with: holdfast vault egress ${door.agent} allow ${place}${also}`);
  }
  if (door.live.size >= MOST_LIVE)
    return refuse(door, target, `${place}; the run has ${MOST_LIVE} connections already`);
  if (door.spent.bytes >= door.limits().runBytes)
    return refuse(door, target, `${place}; the run has used up its ${door.limits().runBytes} bytes`);
  const refused = door.meter?.onBytes({ agent: door.agent, run: door.run, bytes: 0 });
  if (refused !== undefined) return refuse(door, target, `${place}; ${refused}`);
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

export function refuse(door: DoorContext, target: ProxyTarget, reason: string): Refused {
  const message = `egress denied: ${reason}`;
  door.log.deny(connectionOf(door, target), message);
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

export function connectionOf(door: DoorContext, { scheme, host, port }: ProxyTarget): NewConnection {
  return { agent: door.agent, run: door.run, scheme, host, port };
}

export function codeOf(error: unknown): string {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  if (error instanceof Error) return 'code' in error && error.code ? String(error.code) : error.message;
  return String(error);
}
