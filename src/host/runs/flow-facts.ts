import type { Clock } from '../../base/clock.ts';
import { combineDecisions, type FlowFacts, type FlowRequest, judgeFlow } from '../../policy/flow.ts';
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

export type FlowGate = (call: GateCall, resources: readonly Resource[], decision: Decision) => Promise<Decision>;

export function createFlowGate(deps: FlowGateDeps): FlowGate {
  return async (call, resources, decision) => {
    if (decision.kind === 'deny') return decision;
    const { spec, progress } = call.writer;
    const request: FlowRequest = {
      agentId: spec.agentId,
      template: spec.template,
      tool: call.tool.name,
      risk: call.tool.risk,
      resources,
      input: call.call.input,
    };
    const facts: FlowFacts = {
      label: progress.batchLabel,
      sandbox: await sandboxLabel(call, deps),
      principal: spec.principal,
      team: spec.team,
      egress: spec.egress ?? [],
      // A worker's task, folders and reach were judged together when it was started, and so is each later answer to it.
      egressCleared: spec.kind === 'worker',
      named: [],
      exceptions: [],
      now: deps.clock.now(),
    };
    if (judgeFlow(request, facts) === undefined) return decision;
    const named = spec.sessionId === undefined ? [] : await deps.named(spec.sessionId);
    const exceptions = await deps.exceptions.holding();
    return combineDecisions(decision, judgeFlow(request, { ...facts, named, exceptions }));
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
