import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { SecretGuard } from '../secret-guard.ts';

/** Headers of a provider's answer that callers use. Nothing else passes: no cookies, no hop-by-hop, no surprises. */
const PASSED = new Set([
  'content-type',
  'cache-control',
  'request-id',
  'x-request-id',
  'x-goog-request-id',
  'x-amzn-requestid',
  'x-amzn-errortype',
  'openai-processing-ms',
  'openai-version',
  'retry-after',
  'retry-after-ms',
]);
const PASSED_PREFIXES = ['x-ratelimit-', 'anthropic-ratelimit-', 'ratelimit-'];

export function passHeaders(headers: IncomingHttpHeaders, guard: SecretGuard): OutgoingHttpHeaders {
  const passed: OutgoingHttpHeaders = {};
  for (const name in headers) {
    const value = headers[name];
    if (typeof value !== 'string' || !isPassed(name)) continue;
    const scan = guard.scan();
    scan.push(Buffer.from(value));
    if (scan.found === 0) passed[name] = value;
  }
  return passed;
}

function isPassed(name: string): boolean {
  return PASSED.has(name) || PASSED_PREFIXES.some((prefix) => name.startsWith(prefix));
}

const STREAM_STARTS = ['data:', 'event:', 'id:', 'retry:', ':', '\n', '\r'].map((text) => Buffer.from(text));
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** True for what begins like an event stream; a page or a JSON error behind a status of 200 does not. */
export function isStreamStart(chunk: Buffer, headers: IncomingHttpHeaders): boolean {
  const type = headers['content-type'];
  if (typeof type === 'string' && (type.startsWith('text/html') || type.startsWith('image/'))) return false;
  const start = chunk.subarray(0, 3).equals(BYTE_ORDER_MARK) ? chunk.subarray(3) : chunk;
  return STREAM_STARTS.some((known) => {
    const length = Math.min(known.length, start.length);
    return start.compare(known, 0, length, 0, length) === 0;
  });
}
