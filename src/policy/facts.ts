import type { Permissions } from '../protocol/permission.ts';
import type { UnattendedPolicy } from '../protocol/policy-rule.ts';
import type { CompiledFloor } from './floor.ts';
import type { CompiledGrant } from './grant.ts';
import type { PathFacts } from './paths.ts';

/** All that a decision depends on beside the request itself. The same request with the same facts has the same answer. */
export interface GateFacts extends PathFacts {
  /** Tools this run was granted, by name. */
  readonly tools: readonly string[];
  readonly isOperator: boolean;
  /** The team of its agent. */
  readonly team: string | undefined;
  /** The run's: already the meet of its agent's, its parent's and the floor's. */
  readonly permissions: Permissions;
  /** The deployment's own rules, as they are now. */
  readonly floor: CompiledFloor;
  /** Folders this run already holds; what lies inside needs no new question, and never more than this mode. */
  readonly folders: readonly { readonly path: string; readonly mode: 'ro' | 'rw' }[];
  /** What a person allowed for longer than one call. */
  readonly grants: readonly CompiledGrant[];
  /** Set when nobody is there to answer. */
  readonly unattended: UnattendedPolicy | undefined;
  /** Unix milliseconds: grants expire by it. */
  readonly now: number;
  /** What the wallet of this agent did; absent: not known, and then it is not used. */
  readonly wallet?: { readonly spentTodayUsd: number; readonly callsLastHour: number };
}
