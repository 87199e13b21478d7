import type { Clock } from '../../base/clock.ts';
import { meetPlaces } from '../../policy/egress.ts';
import type { GateFacts } from '../../policy/facts.ts';
import { type CompiledFloor, compileFloor, placesWithin } from '../../policy/floor.ts';
import { compileGrant } from '../../policy/grant.ts';
import { meetSome } from '../../policy/meet.ts';
import type { PathFacts } from '../../policy/paths.ts';
import type { HoldfastConfig } from '../../protocol/config.ts';
import { NO_PERMISSIONS, type Permissions } from '../../protocol/permission.ts';
import type { StandingGrant } from '../../protocol/policy-rule.ts';
import type { FetchHosts } from '../../protocol/vault-api.ts';
import type { RunSpec } from '../runs/spec.ts';

export interface PermittedAgent {
  readonly permissions: Permissions;
}
/** What of a run’s spec its rights depend on. */
export type RunRights = Pick<
  RunSpec,
  'agentId' | 'tools' | 'isOperator' | 'team' | 'permissions' | 'folders' | 'unattended'
>;

/** The rules as they hold now: what the gate is told about a run, and what an agent may do. */
export interface Policy {
  readonly floor: CompiledFloor;
  /** What a run of this agent starts with: its own permissions within the floor. */
  permissionsOf(agent: PermittedAgent): Permissions;
  /** What of these places the sandbox of such a run may ask for: its permissions and the floor bound them. */
  placesOf(agentId: string, permissions: Permissions, wanted: readonly string[]): string[];
  /** Where its web fetches may go, redirects included. */
  hostsOf(run: RunRights): FetchHosts;
  factsOf(run: RunRights): Promise<GateFacts>;
}

export interface PolicyDeps {
  readonly config: HoldfastConfig['policy'];
  readonly paths: PathFacts;
  readonly clock: Clock;
  /** What people allowed this agent for longer than one call. Default: nothing. */
  readonly grantsOf?: (agentId: string) => Promise<readonly StandingGrant[]>;
}

export function createPolicy({ config, paths, clock, grantsOf = async () => [] }: PolicyDeps): Policy {
  const floor = compileFloor(config.floor);
  const bounded = new WeakMap<RunRights, Permissions>();
  /** The floor may have become lower since the run was made. */
  const permissionsOfRun = (spec: RunRights): Permissions => {
    const known = bounded.get(spec) ?? meetSome(spec.permissions ?? NO_PERMISSIONS, floor.atMost);
    bounded.set(spec, known);
    return known;
  };
  return {
    floor,
    permissionsOf: ({ permissions }) => meetSome(permissions, floor.atMost),
    placesOf: (agentId, { allowed_egress: allowed }, wanted) =>
      placesWithin(floor, agentId, allowed === null ? wanted : meetPlaces(wanted, allowed)),
    hostsOf: (spec) => ({
      allow: permissionsOfRun(spec).allowed_hosts?.map((glob) => glob.toLowerCase()) ?? null,
      deny: floor.refusedHosts(spec.agentId),
    }),
    factsOf: async (spec) => ({
      ...paths,
      tools: spec.tools,
      isOperator: spec.isOperator,
      team: spec.team,
      permissions: permissionsOfRun(spec),
      floor,
      folders: spec.folders,
      grants: (await grantsOf(spec.agentId)).map(compileGrant),
      unattended: spec.unattended ? config.unattended : undefined,
      now: clock.now(),
    }),
  };
}
