import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../base/clock.ts';
import { describeResource } from '../../policy/describe-resource.ts';
import type { GateFacts } from '../../policy/facts.ts';
import { type CompiledFloor, compileFloor } from '../../policy/floor.ts';
import { compileGrant } from '../../policy/grant.ts';
import { meet, meetSome } from '../../policy/meet.ts';
import type { PathFacts } from '../../policy/paths.ts';
import { reasonOf, replay } from '../../policy/replay.ts';
import type { HoldfastConfig } from '../../protocol/config.ts';
import type { Decision } from '../../protocol/decision.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { NO_PERMISSIONS, type Permissions } from '../../protocol/permission.ts';
import {
  type DifferingDecision,
  type Judged,
  MOST_DIFFERING,
  type PolicyChange,
  type TriedVerdict,
  type TryPolicy,
  type TryResult,
} from '../../protocol/policy-change.ts';
import type { Agents } from '../agents/agents.ts';
import type { RunSpec } from '../runs/spec.ts';
import type { WorkerTemplates } from '../workers/template-store.ts';
import { workerPermissions } from '../workers/worker-permissions.ts';
import type { PolicyHistory, RecordedDecision } from './policy-history.ts';

/**
 * What would have been otherwise: the calls of the last days are decided once under the rules of today and once with a
 * change, and every call whose answer differs is named. Nothing is saved, run or asked.
 */
export interface TimeMachine {
  try(request: TryPolicy): Promise<TryResult>;
}

export interface TimeMachineDeps {
  readonly history: PolicyHistory;
  readonly agents: Pick<Agents, 'list'>;
  readonly templates: Pick<WorkerTemplates, 'all'>;
  readonly config: HoldfastConfig['policy'];
  readonly paths: PathFacts;
  readonly clock: Clock;
}

const DAY_MS = 86_400_000;

export function createTimeMachine(deps: TimeMachineDeps): TimeMachine {
  return {
    async try({ change, days }) {
      const to = deps.clock.now();
      const from = Math.round(to - days * DAY_MS);
      const { before, after } = await worldsOf(change, deps);
      const count = { tried: 0, skipped: 0, differing: 0 };
      const kinds: Record<string, number> = {};
      const decisions: DifferingDecision[] = [];
      for await (const recorded of deps.history.since(from)) {
        const judged = recorded.judged;
        const spec = judged === undefined ? undefined : await deps.history.specOf(recorded.runId);
        if (judged === undefined || spec === undefined) {
          count.skipped += 1;
          continue;
        }
        count.tried += 1;
        // Thousands of decisions must not hold up the streams of those who talk meanwhile.
        if (count.tried % 50 === 0) await setImmediate();
        const call = { ...recorded, judged, spec };
        const was = await decideIn(before, call, deps);
        const would = await decideIn(after, call, deps);
        if (was.kind === would.kind) continue;
        count.differing += 1;
        const kind = `${was.kind} > ${would.kind}`;
        kinds[kind] = (kinds[kind] ?? 0) + 1;
        decisions.push(differing(call, was, would));
        if (decisions.length > MOST_DIFFERING) decisions.shift();
      }
      return { from, to, ...count, kinds, decisions: decisions.reverse() };
    },
  };
}

interface World {
  readonly floor: CompiledFloor;
  readonly permissions: ReadonlyMap<string, Permissions>;
  readonly grants: PolicyChange['grants'];
}

type Call = RecordedDecision & { readonly judged: Judged; readonly spec: RunSpec };

async function worldsOf(change: PolicyChange, deps: TimeMachineDeps): Promise<{ before: World; after: World }> {
  const agents = await deps.agents.list();
  for (const id of Object.keys(change.agents)) refuseUnknown(id, agents);
  const { never, alsoNever, atMost } = change.floor;
  const { floor } = deps.config;
  const changed = { never: [...(never ?? floor.never), ...alsoNever], atMost: atMost ?? floor.atMost };
  const now = new Map(agents.map((agent) => [agent.id, agent.permissions]));
  const then = new Map(agents.map((agent) => [agent.id, { ...agent.permissions, ...named(change.agents[agent.id]) }]));
  return {
    before: { floor: compileFloor(floor), permissions: now, grants: { add: [], remove: [] } },
    after: { floor: compileFloor(changed), permissions: then, grants: change.grants },
  };
}

function refuseUnknown(id: string, agents: readonly { id: string }[]): void {
  if (agents.some((known) => known.id === id)) return;
  const names = agents.map((known) => known.id).join(', ');
  throw new HoldfastError('not-found', `There is no agent named ${id}.`, { remedy: `Agents here: ${names}.` });
}

const named = (fields: PolicyChange['agents'][string] | undefined): Partial<Permissions> =>
  Object.fromEntries(Object.entries(fields ?? {}).filter(([, value]) => value !== undefined));

async function decideIn(world: World, call: Call, deps: TimeMachineDeps): Promise<Decision> {
  const { judged, spec } = call;
  const { tool, risk, principal } = judged;
  const grants = [...(judged.grants ?? []), ...world.grants.add].filter(({ id }) => !world.grants.remove.includes(id));
  const facts: GateFacts = {
    ...deps.paths,
    tools: spec.tools,
    isOperator: spec.isOperator,
    team: spec.team,
    permissions: meetSome(await permissionsIn(world, spec, deps), world.floor.atMost),
    floor: world.floor,
    folders: spec.folders,
    grants: grants.map(compileGrant),
    unattended: spec.unattended ? deps.config.unattended : undefined,
    now: call.at,
  };
  const request = { agentId: spec.agentId, tool, risk, principal, resources: call.resources };
  return replay(request, facts, call.decision);
}

/** A worker’s come from its template and whoever started it, as they would if it were started now. */
async function permissionsIn(world: World, spec: RunSpec, deps: TimeMachineDeps): Promise<Permissions> {
  const own = world.permissions.get(spec.agentId);
  if (spec.parentRunId === undefined) return own ?? spec.permissions ?? NO_PERMISSIONS;
  const parent = await deps.history.specOf(spec.parentRunId);
  const parents = parent === undefined ? NO_PERMISSIONS : await permissionsIn(world, parent, deps);
  const template = deps.templates.all().find(({ id }) => id === spec.template);
  if (template !== undefined) return workerPermissions(template, parents);
  return meet(spec.permissions ?? NO_PERMISSIONS, parents);
}

function differing({ spec, judged, resources, ...call }: Call, was: Decision, would: Decision): DifferingDecision {
  const verdict = (decision: Decision): TriedVerdict => ({
    kind: decision.kind,
    rule: decision.rule,
    why: reasonOf(decision),
  });
  return {
    at: call.at,
    runId: call.runId,
    callId: call.callId,
    agentId: spec.agentId,
    ...(spec.template === undefined ? {} : { template: spec.template }),
    tool: judged.tool,
    about: resources.map(describeResource),
    recorded: call.decision.kind,
    before: verdict(was),
    after: verdict(would),
  };
}
