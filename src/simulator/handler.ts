import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TextWireFormat } from '../protocol/provider.ts';
import { type AnswerDeps, answerCall, commonHeaders } from './answer-call.ts';
import { parseBodyJson, readBody } from './request-body.ts';
import type { RequestEntry, RequestLog } from './request-log.ts';
import { routeOf } from './routes.ts';
import { countUsage } from './tokens.ts';
import { VendorFault } from './vendor-fault.ts';
import { openaiChat } from './wires/openai-chat.ts';
import { header, type Wire, type WireRequest } from './wires/wire.ts';

export interface HandlerDeps extends AnswerDeps {
  readonly models: readonly string[];
  readonly wires: Readonly<Record<TextWireFormat, Wire>>;
  readonly log: RequestLog;
  readonly stopped: AbortSignal;
}

/** Never throws: whatever goes wrong becomes the vendor's error body or a closed connection. */
export async function handle(request: IncomingMessage, response: ServerResponse, deps: HandlerDeps): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://simulator');
  const route = routeOf(request.method ?? 'GET', url.pathname);
  const wire = 'wire' in route ? deps.wires[route.wire] : undefined;
  const left = new AbortController();
  response.once('close', () => left.abort());
  const signal = AbortSignal.any([left.signal, deps.stopped]);
  const entry = deps.log.add(newEntry(request, url, wire));
  try {
    if (route.kind === 'about' || route.kind === 'models') {
      sendJson(response, 200, route.kind === 'about' ? ABOUT : modelList(request, url, deps.models));
      entry.outcome = 'answered';
      return;
    }
    if (wire === undefined) throw new VendorFault('not-found', `Invalid URL (${request.method} ${url.pathname})`);
    const body = parseBodyJson(await readBody(request));
    const wireRequest = { url, headers: request.headers, body };
    entry.body = body;
    entry.key = wire.key(wireRequest);
    if (route.kind === 'model') await answerCall({ wire, request: wireRequest, response, entry, signal }, deps);
    else sendJson(response, 200, countTokens(wire, wireRequest));
    if (entry.outcome === 'answering') entry.outcome = 'answered';
  } catch (error) {
    fail(response, error, { entry, wire: wire ?? openaiChat, signal });
  }
}

function newEntry(request: IncomingMessage, url: URL, wire: Wire | undefined): RequestEntry {
  return {
    at: Date.now(),
    method: request.method ?? 'GET',
    path: url.pathname + url.search,
    headers: request.headers,
    wire: wire?.format,
    key: undefined,
    body: undefined,
    conversation: undefined,
    rule: undefined,
    outcome: 'answering',
    status: undefined,
  };
}

function fail(
  response: ServerResponse,
  error: unknown,
  call: { entry: RequestEntry; wire: Wire; signal: AbortSignal },
): void {
  if (call.signal.aborted || response.headersSent) {
    call.entry.outcome = call.signal.aborted ? 'left' : 'broken';
    response.destroy();
    return;
  }
  const fault = error instanceof VendorFault ? error : new VendorFault('server', `Simulator failure: ${String(error)}`);
  call.entry.outcome = 'refused';
  call.entry.status = fault.status;
  sendJson(response, fault.status, call.wire.faultBody(fault));
}

function countTokens(wire: Wire, request: WireRequest): unknown {
  const body =
    typeof request.body === 'object' && request.body !== null ? { max_tokens: 1, ...request.body } : request.body;
  const { input } = countUsage(wire.read({ ...request, body }), []);
  return wire.format === 'google-generate' ? { totalTokens: input } : { input_tokens: input };
}

const ABOUT = {
  simulator: true,
  note: 'The Holdfast simulator: a scripted model provider for tours and tests. There is no AI here.',
};

function modelList(request: IncomingMessage, url: URL, models: readonly string[]): unknown {
  const asked = { url, headers: request.headers, body: undefined };
  if (url.pathname.includes('/v1beta'))
    return {
      models: models.map((id) => ({
        name: `models/${id}`,
        displayName: id,
        supportedGenerationMethods: ['generateContent'],
      })),
    };
  if (header(asked, 'anthropic-version') !== undefined) {
    const data = models.map((id) => ({ type: 'model', id, display_name: id, created_at: '2026-01-01T00:00:00Z' }));
    return { data, has_more: false, first_id: models[0] ?? null, last_id: models.at(-1) ?? null };
  }
  return {
    object: 'list',
    data: models.map((id) => ({ id, object: 'model', created: 1_767_225_600, owned_by: 'holdfast-simulator' })),
  };
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', ...commonHeaders() });
  response.end(JSON.stringify(body));
}
