import type { Clock } from '../../base/clock.ts';
import { newId } from '../../base/id.ts';
import { decide, unattended } from '../../policy/decide.ts';
import { compileGrant } from '../../policy/grant.ts';
import { offersOf } from '../../policy/offers.ts';
import type { Decision } from '../../protocol/decision.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { JournalEvent } from '../../protocol/event.ts';
import { ApprovalId } from '../../protocol/ids.ts';
import { SYSTEM_LABEL } from '../../protocol/label.ts';
import type { Judged } from '../../protocol/policy-change.ts';
import type { Resource } from '../../protocol/resource.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import type { Approvals, NewApproval } from '../approvals/approvals.ts';
import { newNonce } from '../approvals/nonce.ts';
import type { Grants } from '../grants/grants.ts';
import { judgedFrom } from '../policy/judged.ts';
import type { Policy } from '../policy/policy.ts';
import type { Limited, Rates } from '../rates/rates.ts';
import type { AnyTool } from '../tools/tool.ts';
import { revealCard } from './clean-event.ts';
import type { FlowGate } from './flow-facts.ts';
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
  /** Adds what the rules of labels say to a decision. */
  readonly flow: FlowGate;
  /** How often each agent may use each tool. */
  readonly rates: Pick<Rates, 'tool'>;
  readonly grants: Pick<Grants, 'of'>;
  readonly approvalExpiresAfterMs: number;
  readonly clock: Clock;
}

export function createGate(deps: GateDeps): Gate {
  const open = oneByOne();
  return {
    async pass(request) {
      const limited = deps.rates.tool(request.writer.spec.agentId, request.tool.name);
      if (limited !== undefined) return tooOften(request.tool.name, limited, deps.clock.now());
      const resources = await resourcesOf(request);
      if ('kind' in resources) return resources;
      const { call, writer } = request;
      const { decision, judged } = await judge(request, resources, deps);
      const isNew = call.decision === undefined || call.decision.kind !== decision.kind;
      const unwritten: JournalEvent[] = isNew ? [{ type: 'tool.decided', callId: call.callId, decision, judged }] : [];
      if (decision.kind === 'allow') return { kind: 'passed', unwritten };
      if (isNew) await writer.append(unwritten);
      if (decision.kind === 'deny') return refused(`Denied: ${decision.reason} ${decision.unlock}`);
      return await askPerson(request, { resources, decision, deps, open });
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

/** The decision, and what it was decided from: kept with it, so that other rules can be tried on it. */
async function judge(
  request: GateCall,
  resources: readonly Resource[],
  deps: GateDeps,
): Promise<{ decision: Decision; judged: Judged }> {
  const { spec, runId } = request.writer;
  const { name: tool, risk } = request.tool;
  const { agentId, template, principal } = spec;
  const tasks = [runId, ...(spec.parentRunId === undefined ? [] : [spec.parentRunId])];
  const held = await deps.grants.of({ agentId, template, tool, principal, tasks });
  const known = await deps.policy.factsOf(spec);
  const facts = { ...known, grants: [...known.grants, ...held.grants.map(compileGrant)] };
  const call = { agentId, tool, risk, resources, principal };
  const flow = await deps.flow.judge(request, { resources, decision: decide(call, facts), granted: held.sinks });
  return { decision: unattended(flow, facts.unattended), judged: judgedFrom(call, facts.grants) };
}

/** Questions of one agent that may wait at once. A fooled agent cannot bury the one that matters. */
export const MOST_HELD = 10;

interface Question {
  readonly open: ReturnType<typeof oneByOne>;
  readonly resources: readonly Resource[];
  readonly decision: Extract<Decision, { kind: 'ask' }>;
  readonly deps: GateDeps;
}

async function askPerson(request: GateCall, question: Question): Promise<Verdict> {
  const { writer, call, signal } = request;
  const { approvals } = question.deps;
  const approvalId = call.approvalId ?? (await question.open(() => openApproval(request, question)));
  if (approvalId === undefined) {
    const agent = writer.spec.agentId;
    return refused(`Denied: ${MOST_HELD} questions of ${agent} wait for an answer already. Go on without this one.`);
  }
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

/** Undefined: too many wait. Counted and written one after the other, so that calls side by side cannot both be the last. */
async function openApproval(request: GateCall, question: Question): Promise<string | undefined> {
  const { writer, call } = request;
  const { decision, deps } = question;
  if ((await deps.approvals.countPending(writer.spec.agentId)) >= MOST_HELD) return undefined;
  const row = await rowOf(request, question);
  const { id: approvalId, expires_at: expiresAt } = row;
  const card = revealCard(decision.card);
  await writer.append(
    [
      { type: 'approval.requested', approvalId, callId: call.callId, card, expiresAt },
      { type: 'run.waiting', on: 'approval', detail: card.title, deadline: expiresAt, owner: 'person' },
    ],
    [deps.approvals.insert(row)],
  );
  return approvalId;
}

async function rowOf(request: GateCall, { resources, decision, deps }: Question): Promise<NewApproval> {
  const { writer, call, tool } = request;
  const at = deps.clock.now();
  const sinks = await deps.flow.disputed(request, resources);
  return {
    id: newId(ApprovalId, 'apr'),
    run_id: writer.runId,
    agent_id: writer.spec.agentId,
    session_id: writer.spec.sessionId ?? null,
    call_id: call.callId,
    args_hash: boundHash(call, resources),
    card: JSON.stringify(revealCard(decision.card)),
    requested_at: at,
    expires_at: at + deps.approvalExpiresAfterMs,
    nonce: newNonce(),
    offers: JSON.stringify(offersOf(decision.rule, resources, sinks)),
    rule: decision.rule,
    tool: tool.name,
    template: writer.spec.template ?? null,
    principal: writer.spec.principal,
  };
}

/** Runs what it is given one after the other. */
function oneByOne(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work, work);
    last = next.catch(() => undefined);
    return next;
  };
}

/** The arguments and what they resolved to, as one text: both must be what the person saw. */
function boundHash(call: CallState, resources: readonly Resource[]): string {
  return `${call.argsHash}:${JSON.stringify(resources)}`;
}

function tooOften(tool: string, { perMinute, retryAfterMs }: Limited, now: number) {
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1_000));
  const at = new Date(now + retryAfterMs).toISOString();
  return refused(
    `Denied: ${tool} is used more than ${perMinute} times a minute. Try again in ${seconds} s (${at}), or do it in fewer calls.`,
  );
}

function refused(text: string, status: 'denied' | 'error' = 'denied'): { kind: 'refused'; outcome: ToolOutcome } {
  return { kind: 'refused', outcome: { status, text, label: SYSTEM_LABEL } };
}
