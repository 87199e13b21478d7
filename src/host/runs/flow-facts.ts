import type { Clock } from '../../base/clock.ts';
import { combineDecisions, disputedSinks, type FlowFacts, type FlowRequest, judgeFlow } from '../../policy/flow.ts';
import type { Sink } from '../../policy/sinks.ts';
import type { Decision } from '../../protocol/decision.ts';
import type { Resource } from '../../protocol/resource.ts';
import type { FlowExceptions } from '../labels/exceptions.ts';
import type { SandboxLabels } from '../labels/sandbox-labels.ts';
import type { GateCall } from './tool-gate.ts';

/** The rules of labels, with their facts. What only a question needs (exceptions, named addresses) is looked up then. */
export interface FlowGateDeps {
  readonly exceptions: FlowExceptions;
  readonly sandboxLabels: SandboxLabels;
  /** Addresses that people wrote in the conversation. */
  readonly named: (sessionId: string) => Promise<readonly string[]>;
  readonly clock: Clock;
}

export interface FlowGate {
  judge(call: GateCall, judged: Judged): Promise<Decision>;
  /** What the rules of labels have against the call, for what a card may offer. */
  disputed(call: GateCall, resources: readonly Resource[]): Promise<readonly Sink[]>;
}

export interface Judged {
  readonly resources: readonly Resource[];
  /** What the other rules said. */
  readonly decision: Decision;
  /** Sinks that a person allowed beforehand. */
  readonly granted: readonly string[];
}

export function createFlowGate(deps: FlowGateDeps): FlowGate {
  return {
    async judge(call, { resources, decision, granted }) {
      if (decision.kind === 'deny') return decision;
      const request = requestOf(call, resources);
      const facts = { ...(await factsOf(call, deps)), granted };
      if (judgeFlow(request, facts) === undefined) return decision;
      const { sessionId } = call.writer.spec;
      const named = sessionId === undefined ? [] : await deps.named(sessionId);
      const exceptions = await deps.exceptions.holding();
      return combineDecisions(decision, judgeFlow(request, { ...facts, named, exceptions }));
    },
    disputed: async (call, resources) => disputedSinks(requestOf(call, resources), await factsOf(call, deps)),
  };
}

function requestOf({ writer, tool, call }: GateCall, resources: readonly Resource[]): FlowRequest {
  const { agentId, template } = writer.spec;
  return { agentId, template, tool: tool.name, risk: tool.risk, resources, input: call.input, requires: tool.requires };
}

async function factsOf(call: GateCall, deps: FlowGateDeps): Promise<FlowFacts> {
  const { spec, progress } = call.writer;
  return {
    label: progress.batchLabel,
    sandbox: await sandboxLabel(call, deps),
    principal: spec.principal,
    team: spec.team,
    egress: spec.egress ?? [],
    // A worker's task, folders and reach were judged together when it was started, and so is each later answer to it.
    // What it has got by another way since (an API of the owner's) nobody had in view.
    egressCleared: spec.kind === 'worker' && !progress.broughtPrivate,
    named: [],
    exceptions: [],
    granted: [],
    now: deps.clock.now(),
  };
}

/** Only a program with a network makes it matter what lies in the sandbox unread. */
async function sandboxLabel(
  { writer, tool }: GateCall,
  { sandboxLabels }: FlowGateDeps,
): Promise<FlowFacts['sandbox']> {
  const matters = tool.risk === 'sandbox-execute' && (writer.spec.egress ?? []).length > 0;
  return matters ? await sandboxLabels.held(writer) : writer.progress.batchLabel;
}
