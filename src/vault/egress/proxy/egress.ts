import type { DatabaseSync } from 'node:sqlite';
import type { Logger } from '../../../base/logger.ts';
import type { Freezes } from '../../freeze/freezes.ts';
import type { Tripwire } from '../../leak/tripwire.ts';
import type { Exceptions } from '../exceptions.ts';
import type { EgressMeter } from '../meter.ts';
import type { ResolveAll } from '../pinned-connector.ts';
import { type ConnectionLog, createConnectionLog } from './connection-log.ts';
import type { LookInside } from './door-context.ts';
import { createDoors, type Doors } from './doors.ts';
import { createOwnerRules, type OwnerRules } from './owner-rules.ts';
import { createTaskGrants, type TaskGrants } from './task-grants.ts';

/** The egress proxy, whole: the owner's rules, the doors of the sandboxes, and a row for every connection. */
export interface EgressProxy extends AsyncDisposable {
  readonly rules: OwnerRules;
  readonly taskGrants: TaskGrants;
  readonly doors: Doors;
  readonly connections: ConnectionLog;
}

export interface EgressProxyDeps {
  readonly database: DatabaseSync;
  /** Where the sockets are. */
  readonly directory: string;
  readonly exceptions: Exceptions;
  readonly freezes: Freezes;
  readonly tripwire: Tripwire;
  readonly resolveAll: ResolveAll;
  readonly now: () => number;
  readonly logger: Logger;
  readonly meter: EgressMeter;
  /** Made after the proxy, and asked only when a connection comes. */
  readonly look: () => LookInside;
}

export function createEgressProxy(deps: EgressProxyDeps): EgressProxy {
  const rules = createOwnerRules(deps.database);
  const taskGrants = createTaskGrants(deps.database, deps.now);
  const connections = createConnectionLog(deps.database, deps.now);
  const doors = createDoors({ ...deps, rules, taskGrants, connections });
  return { rules, taskGrants, doors, connections, [Symbol.asyncDispose]: () => doors[Symbol.asyncDispose]() };
}
