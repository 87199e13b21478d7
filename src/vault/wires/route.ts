import { HoldfastError } from '../../protocol/error.ts';
import type { WireFormat } from '../../protocol/provider.ts';
import { anthropicMessagesWire } from './anthropic-messages.ts';
import { bedrockConverseWire } from './bedrock-converse.ts';
import { googleGenerateWire } from './google-generate.ts';
import { openaiChatWire } from './openai-chat.ts';
import { openaiResponsesWire } from './openai-responses.ts';
import type { Wire, WirePath } from './wire.ts';

export interface ModelRoute extends WirePath {
  readonly provider: string;
  readonly wire: Wire;
}

const MODEL_URL = /^\/model\/([a-z][a-z0-9-]{0,39})\/(?:v\d+(?:alpha|beta)?\d*\/)?([^?]+)(?:\?(.*))?$/;
const BEDROCK_PATH = /^model\/([^/?]{1,2048})\/(converse|converse-stream)$/;
const BEDROCK_MODEL = /^[A-Za-z0-9._:/-]{1,2048}$/;
const GOOGLE_PATH = /^models\/([A-Za-z0-9._-]{1,128}):(generateContent|streamGenerateContent)$/;

/** Which of a provider's paths may be used, by the wire format its setting names. Everything else is refused. */
const ALLOWED: Record<WireFormat, readonly WireFormat[]> = {
  'openai-chat': ['openai-chat', 'openai-responses'],
  'openai-responses': ['openai-chat', 'openai-responses'],
  'anthropic-messages': ['anthropic-messages'],
  'google-generate': ['google-generate'],
  'bedrock-converse': ['bedrock-converse'],
};

/** Reads `/model/<provider>/<path>`. A version in front of the path, as SDKs put it there, is dropped. */
export function readModelRoute(url: string): ModelRoute {
  const match = MODEL_URL.exec(url);
  const [, provider = '', rest = '', query = ''] = match ?? [];
  if (rest === 'chat/completions') return { provider, wire: openaiChatWire, path: '/chat/completions' };
  if (rest === 'responses') return { provider, wire: openaiResponsesWire, path: '/responses' };
  if (rest === 'messages') return { provider, wire: anthropicMessagesWire, path: '/messages' };
  const google = GOOGLE_PATH.exec(decodeColon(rest));
  if (google) return googleRoute(provider, google, query);
  const bedrock = BEDROCK_PATH.exec(rest);
  if (bedrock) return bedrockRoute(provider, bedrock);
  throw new HoldfastError('not-found', `${cutQuery(url)} is not a model call.`, {
    remedy:
      'Use POST /model/<provider>/ with chat/completions, responses, messages, models/<model>:generateContent or model/<id>/converse after it.',
  });
}

export function checkWire(route: ModelRoute, configured: WireFormat): void {
  if (ALLOWED[configured].includes(route.wire.format)) return;
  throw new HoldfastError('not-found', `Provider ${route.provider} speaks ${configured}, not ${route.wire.format}.`, {
    remedy: `Call one of its own paths, or add a provider with the wire format ${route.wire.format}.`,
  });
}

/** The wire whose error body fits a path that may not be a good route. */
export function wireOfUrl(url: string): Wire {
  if (url.includes('/messages')) return anthropicMessagesWire;
  if (/\/model\/[^/]+\/model\//.test(url)) return bedrockConverseWire;
  return url.includes('/models/') ? googleGenerateWire : openaiChatWire;
}

function googleRoute(provider: string, match: RegExpExecArray, query: string): ModelRoute {
  const [, model = '', method = ''] = match;
  const events = new URLSearchParams(query).get('alt') === 'sse';
  return {
    provider,
    wire: googleGenerateWire,
    path: `/models/${model}:${method}${events ? '?alt=sse' : ''}`,
    model,
    // Without alt=sse the stream is one JSON array, handled like a plain answer.
    streaming: method === 'streamGenerateContent' && events,
  };
}

/** The model's id stands percent-encoded in the path, as SDKs write it; it is sent on in that one spelling. */
function bedrockRoute(provider: string, [, id = '', method = '']: RegExpExecArray): ModelRoute {
  const model = decoded(id);
  if (!BEDROCK_MODEL.test(model)) throw new HoldfastError('bad-request', 'The path holds no model id of Bedrock.');
  const path = `/model/${encodeURIComponent(model)}/${method}`;
  return { provider, wire: bedrockConverseWire, path, model, streaming: method === 'converse-stream' };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

function decodeColon(path: string): string {
  return path.replace('%3A', ':');
}

function cutQuery(url: string): string {
  return (url.split('?')[0] ?? '').slice(0, 200);
}
