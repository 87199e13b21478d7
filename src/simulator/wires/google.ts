import type { Conversation } from '../conversation.ts';
import {
  type Frame,
  parsedArguments,
  pieces,
  type Reply,
  type ReplyCall,
  type ReplyStop,
  type UsageCounts,
} from '../reply.ts';
import { sign, vendorId } from '../signature.ts';
import { VendorFault } from '../vendor-fault.ts';
import { readGoogle } from './google-request.ts';
import { header, type Wire, type WireRequest } from './wire.ts';

/** Google generateContent and streamGenerateContent. */
export const google: Wire = {
  format: 'google-generate',
  key: (request: WireRequest) => header(request, 'x-goog-api-key') ?? request.url.searchParams.get('key') ?? undefined,
  wrongKey,
  read: readGoogle,
  plain,
  frames,
  faultBody,
  faultFrame: (fault) => event(faultBody(fault)),
};

/** The vendor separates its events with CRLF. */
const event = (data: unknown): string => `data: ${JSON.stringify(data)}\r\n\r\n`;

const FINISH: Record<ReplyStop, string> = {
  end: 'STOP',
  'tool-calls': 'STOP',
  length: 'MAX_TOKENS',
  'content-filter': 'SAFETY',
};

const STATUS: Record<VendorFault['kind'], string> = {
  'invalid-request': 'INVALID_ARGUMENT',
  authentication: 'UNAUTHENTICATED',
  billing: 'FAILED_PRECONDITION',
  permission: 'PERMISSION_DENIED',
  'not-found': 'NOT_FOUND',
  'too-large': 'INVALID_ARGUMENT',
  'rate-limit': 'RESOURCE_EXHAUSTED',
  server: 'INTERNAL',
  overloaded: 'UNAVAILABLE',
};

function faultBody(fault: VendorFault) {
  const invalidKey = fault.code === 'API_KEY_INVALID';
  const details = [
    { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: fault.code, domain: 'googleapis.com', metadata: {} },
  ];
  return {
    error: {
      code: fault.status,
      message: fault.message,
      status: STATUS[fault.kind],
      ...(invalidKey ? { details } : {}),
    },
  };
}

/** Google answers 400 to a wrong key and 403 to none. */
function wrongKey(key: string | undefined): VendorFault {
  if (key !== undefined)
    return new VendorFault('invalid-request', 'API key not valid. Please pass a valid API key.', {
      code: 'API_KEY_INVALID',
    });
  return new VendorFault(
    'permission',
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.",
  );
}

/** A call whose arguments are no JSON never leaves this vendor: it reports that the model failed to write one. */
function isMalformed(reply: Reply): boolean {
  return reply.parts.some((part) => part.type === 'tool-call' && parsedArguments(part) === undefined);
}

function plain(reply: Reply, conversation: Conversation): unknown {
  const answer = whole(reply, conversation);
  return conversation.asks.has('array') ? [answer] : answer;
}

function whole(reply: Reply, conversation: Conversation): unknown {
  const base = envelope(conversation);
  if (isBlocked(reply)) return { promptFeedback: { blockReason: 'SAFETY' }, ...usageField(reply), ...base };
  const signature = closingSignature(reply, conversation);
  const parts = partsOf(reply, conversation).map((part) =>
    'text' in part && !part.thought ? { ...part, ...signature } : part,
  );
  return { candidates: [candidate(parts, finishOf(reply))], ...usageField(reply), ...base };
}

function* frames(reply: Reply, conversation: Conversation): Generator<Frame> {
  const base = envelope(conversation);
  if (isBlocked(reply)) {
    yield event({ promptFeedback: { blockReason: 'SAFETY' }, ...usageField(reply), ...base });
    return;
  }
  const early = reply.usage !== undefined && reply.usageLateMs === 0 ? { usageMetadata: promptUsage(reply.usage) } : {};
  for (const part of partsOf(reply, conversation)) {
    if (!('text' in part)) yield event({ candidates: [candidate([part])], ...early, ...base });
    else
      for (const piece of pieces(part.text, reply.chunkChars))
        yield event({ candidates: [candidate([{ ...part, text: piece }])], ...early, ...base });
  }
  if (reply.usageLateMs > 0) yield { pauseMs: reply.usageLateMs };
  const signature = closingSignature(reply, conversation);
  yield event({
    candidates: [candidate([{ text: '', ...signature }], finishOf(reply))],
    ...usageField(reply),
    ...base,
  });
}

type GooglePart =
  | { text: string; thought?: true }
  | { functionCall: { id: string; name: string; args?: Record<string, unknown> }; thoughtSignature?: string };

function partsOf(reply: Reply, conversation: Conversation): GooglePart[] {
  if (isMalformed(reply)) return [];
  let signed = conversation.reasoning === 'off';
  return reply.parts.flatMap((part): GooglePart[] => {
    if (part.type === 'text') return [{ text: part.text }];
    if (part.type === 'reasoning')
      return conversation.reasoning === 'shown' ? [{ text: part.text, thought: true }] : [];
    const first = !signed;
    signed = true;
    return [callPart(part, first)];
  });
}

/** Only the first of several calls in one answer carries the signature. */
function callPart(call: ReplyCall, isFirst: boolean): GooglePart {
  const args = call.arguments === '' ? undefined : parsedArguments(call);
  return {
    functionCall: { id: vendorId(''), name: call.tool, ...(args === undefined ? {} : { args }) },
    ...(isFirst ? { thoughtSignature: sign(call.tool) } : {}),
  };
}

/** An answer that reasoned but called nothing is signed at its end. */
function closingSignature(reply: Reply, conversation: Conversation): { thoughtSignature?: string } {
  const reasoned = reply.parts.find((part) => part.type === 'reasoning');
  const called = reply.parts.some((part) => part.type === 'tool-call');
  if (reasoned === undefined || called || conversation.reasoning === 'off') return {};
  return { thoughtSignature: sign(reasoned.text) };
}

const isBlocked = (reply: Reply): boolean => reply.stop === 'content-filter' && reply.parts.length === 0;
const finishOf = (reply: Reply): string => (isMalformed(reply) ? 'MALFORMED_FUNCTION_CALL' : FINISH[reply.stop]);

function candidate(parts: readonly object[], finishReason?: string) {
  const content = parts.length === 0 ? {} : { parts, role: 'model' };
  return { content, ...(finishReason === undefined ? {} : { finishReason }), index: 0 };
}

function envelope(conversation: Conversation) {
  return { modelVersion: conversation.model, responseId: vendorId('') };
}

function usageField(reply: Reply): { usageMetadata?: object } {
  return reply.usage === undefined ? {} : { usageMetadata: fullUsage(reply.usage) };
}

function promptUsage(counts: UsageCounts) {
  return {
    promptTokenCount: counts.input,
    totalTokenCount: counts.input,
    ...(counts.cached === 0 ? {} : { cachedContentTokenCount: counts.cached }),
    promptTokensDetails: [{ modality: 'TEXT', tokenCount: counts.input }],
  };
}

/** This vendor counts thoughts beside the candidates, not inside. */
function fullUsage(counts: UsageCounts) {
  return {
    ...promptUsage(counts),
    candidatesTokenCount: counts.output - counts.reasoning,
    totalTokenCount: counts.input + counts.output,
    ...(counts.reasoning === 0 ? {} : { thoughtsTokenCount: counts.reasoning }),
  };
}
