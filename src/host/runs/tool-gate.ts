import type { Clock } from '../../base/clock.ts';
import { newId } from '../../base/id.ts';
import { decide } from '../../policy/decide.ts';
import type { Decision } from '../../protocol/decision.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { JournalEvent } from '../../protocol/event.ts';
import { ApprovalId } from '../../protocol/ids.ts';
import { SYSTEM_LABEL } from '../../protocol/label.ts';
import type { Resource } from '../../protocol/resource.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import type { Approvals } from '../approvals/approvals.ts';
import type { Policy } from '../policy/policy.ts';
import type { AnyTool } from '../tools/tool.ts';
import { revealCard } from './clean-event.ts';
import type { CallState } from './progress.ts';
import type { RunWriter } from './run-writer.ts';

/**
 * Takes a tool call through the gate. What a person approves is bound to the call's arguments and to what they resolved
 * to at that moment: if a link now points elsewhere, the approved call is refused.
 */
export interface Gate {
  pass(call: GateCall): Promise<Verdict>;
}

/** `unwritten`: the gate's events that belong in the unit that starts the effect, so that both wait for the disk once. */
type Verdict =
  | { readonly kind: 'passed'; readonly unwritten: readonly JournalEvent[] }
  | { readonly kind: 'refused'; readonly outcome: ToolOutcome };

export interface GateCall {
  readonly writer: RunWriter;
  readonly call: CallState;
  readonly tool: AnyTool;
  readonly input: unknown;
  readonly signal: AbortSignal;
}

export interface GateDeps {
  readonly approvals: Approvals;
  readonly policy: Policy;
  readonly approvalExpiresAfterMs: number;
  readonly clock: Clock;
}

export function createGate(deps: GateDeps): Gate {
  return {
    async pass(request) {
      const resources = await resourcesOf(request);
      if ('kind' in resources) return resources;
      const { call, writer } = request;
      const decision = await judge(request, resources, deps);
      const isNew = call.decision === undefined || call.decision.kind !== decision.kind;
      const unwritten: JournalEvent[] = isNew ? [{ type: 'tool.decided', callId: call.callId, decision }] : [];
      if (decision.kind === 'allow') return { kind: 'passed', unwritten };
      if (isNew) await writer.append(unwritten);
      if (decision.kind === 'deny') return refused(`Denied: ${decision.reason} ${decision.unlock}`);
      return await askPerson(request, { resources, decision, deps });
    },
  };
}

async function resourcesOf(
  request: GateCall,
): Promise<readonly Resource[] | { kind: 'refused'; outcome: ToolOutcome }> {
  try {
    return [...((await request.tool.resources?.(request.input, request.writer.spec)) ?? [])];
  } catch (thrown) {
    const error = HoldfastError.from(thrown, 'tool.bad-input');
    return refused(error.remedy === undefined ? error.message : `${error.message} ${error.remedy}`, 'error');
  }
}

async function judge(request: GateCall, resources: readonly Resource[], { policy }: GateDeps): Promise<Decision> {
  const { spec } = request.writer;
  const { name: tool, risk } = request.tool;
  return decide(
    { agentId: spec.agentId, tool, risk, resources, principal: spec.principal },
    await policy.factsOf(spec),
  );
}

interface Question {
  readonly resources: readonly Resource[];
  readonly decision: Extract<Decision, { kind: 'ask' }>;
  readonly deps: GateDeps;
}

async function askPerson(request: GateCall, question: Question): Promise<Verdict> {
  const { writer, call, signal } = request;
  const { approvals } = question.deps;
  const approvalId = call.approvalId ?? (await openApproval(request, question));
  if (call.approved === undefined) writer.observe(await approvals.decided(approvalId, signal));
  const row = await approvals.get(approvalId);
  if (row.state === 'expired') return refused('Denied: nobody answered in time. Ask the user before you try again.');
  if (row.state !== 'allowed')
    return refused('Denied: the user said no. Do not try this again unless the user asks for it.');
  if (row.args_hash !== boundHash(call, question.resources)) {
    return refused('Denied: what the arguments name has changed since the user approved them. Ask again.');
  }
  return { kind: 'passed', unwritten: [] };
}

async function openApproval({ writer, call }: GateCall, { resources, decision, deps }: Question): Promise<string> {
  const approvalId = newId(ApprovalId, 'apr');
  const at = deps.clock.now();
  const expiresAt = at + deps.approvalExpiresAfterMs;
  const card = revealCard(decision.card);
  const row = deps.approvals.insert({
    id: approvalId,
    run_id: writer.runId,
    agent_id: writer.spec.agentId,
    session_id: writer.spec.sessionId ?? null,
    call_id: call.callId,
    args_hash: boundHash(call, resources),
    card: JSON.stringify(card),
    requested_at: at,
    expires_at: expiresAt,
  });
  await writer.append(
    [
      { type: 'approval.requested', approvalId, callId: call.callId, card, expiresAt },
      { type: 'run.waiting', on: 'approval', detail: card.title, deadline: expiresAt, owner: 'person' },
    ],
    [row],
  );
  return approvalId;
}

/** The arguments and what they resolved to, as one text: both must be what the person saw. */
function boundHash(call: CallState, resources: readonly Resource[]): string {
  return `${call.argsHash}:${JSON.stringify(resources)}`;
}

function refused(text: string, status: 'denied' | 'error' = 'denied'): { kind: 'refused'; outcome: ToolOutcome } {
  return { kind: 'refused', outcome: { status, text, label: SYSTEM_LABEL } };
}
