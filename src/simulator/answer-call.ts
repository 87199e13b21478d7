import type { ServerResponse } from 'node:http';
import type { Clock } from '../base/clock.ts';
import { writeBody } from './body-writer.ts';
import { composeReply } from './compose.ts';
import type { RequestEntry } from './request-log.ts';
import type { Choice, RuleBook } from './rule-book.ts';
import type { Fault } from './scenario.ts';
import { vendorId } from './signature.ts';
import { faultKindOf, VendorFault } from './vendor-fault.ts';
import type { Wire, WireRequest } from './wires/wire.ts';

export interface Call {
  readonly wire: Wire;
  readonly request: WireRequest;
  readonly response: ServerResponse;
  readonly entry: RequestEntry;
  readonly signal: AbortSignal;
}

export interface AnswerDeps {
  readonly book: RuleBook;
  /** Accepted keys; empty: all. */
  readonly keys: ReadonlySet<string>;
  readonly clock: Clock;
}

/** Answers one model call: key, request, rule, then the scripted answer with whatever fault it carries. */
export async function answerCall(call: Call, deps: AnswerDeps): Promise<void> {
  const { wire, request, entry } = call;
  if (deps.keys.size > 0 && !deps.keys.has(entry.key ?? '')) throw wire.wrongKey(entry.key);
  const conversation = wire.read(request);
  entry.conversation = conversation;
  const choice = deps.book.choose(conversation);
  entry.rule = choice.rule;
  const { answer } = choice;
  if (answer.delayMs > 0) await deps.clock.sleep(answer.delayMs, call.signal);
  if (answer.fault?.type === 'http') sendHttpFault(call, answer.fault);
  else await sendAnswer(call, choice, deps.clock);
}

async function sendAnswer(call: Call, choice: Choice, clock: Clock): Promise<void> {
  const { wire, response, entry } = call;
  const { conversation } = choice.scope;
  const { fault } = choice.answer;
  const reply = composeReply(choice);
  const stream = conversation.stream;
  const body = stream ? wire.frames(reply, conversation) : [JSON.stringify(wire.plain(reply, conversation))];
  entry.status = 200;
  if (fault?.type !== 'reset' || fault.afterBytes > 0) sendHead(call, stream);
  const bodyFault = fault?.type === 'http' ? undefined : fault;
  await writeBody(response, body, {
    paceMs: choice.answer.paceMs,
    fault: bodyFault,
    faultFrame: bodyFault?.type === 'error-event' ? faultFrame(wire, bodyFault) : '',
    clock,
    signal: call.signal,
  });
  entry.outcome = bodyFault === undefined ? 'answered' : 'broken';
}

function faultFrame(wire: Wire, fault: Fault & { type: 'error-event' }): string {
  return wire.faultFrame(new VendorFault(faultKindOf(fault.status), fault.message, { status: fault.status }));
}

function sendHead({ response }: Call, stream: boolean): void {
  response.writeHead(200, {
    'content-type': stream ? 'text/event-stream; charset=utf-8' : 'application/json',
    'cache-control': 'no-cache',
    ...commonHeaders(),
  });
  response.flushHeaders();
}

function sendHttpFault(call: Call, fault: Fault & { type: 'http' }): void {
  const kind = faultKindOf(fault.status);
  const vendor = new VendorFault(kind, fault.message ?? DEFAULT_MESSAGES[kind], {
    code: fault.code,
    status: fault.status,
  });
  const body = fault.body ?? call.wire.faultBody(vendor);
  call.entry.outcome = 'refused';
  call.entry.status = fault.status;
  const retryAfter = fault.retryAfterSeconds === undefined ? {} : { 'retry-after': String(fault.retryAfterSeconds) };
  call.response.writeHead(fault.status, {
    'content-type': 'application/json',
    ...commonHeaders(),
    ...retryAfter,
    ...fault.headers,
  });
  call.response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

export function commonHeaders(): Record<string, string> {
  const id = vendorId('req_');
  return { 'x-request-id': id, 'request-id': id, 'x-holdfast-simulator': 'true' };
}

const DEFAULT_MESSAGES: Record<VendorFault['kind'], string> = {
  'invalid-request': 'Invalid request.',
  authentication: 'Invalid authentication credentials.',
  billing: 'You exceeded your current quota, please check your plan and billing details.',
  permission: 'You do not have permission to use this resource.',
  'not-found': 'The requested resource was not found.',
  'too-large': 'Request too large.',
  'rate-limit': 'Rate limit reached. Please try again later.',
  server: 'The server had an error while processing your request.',
  overloaded: 'The model is overloaded. Please try again later.',
};
