import { createHash, createHmac } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { encodeFrame } from '../base/event-stream.ts';
import type { SeenRequest } from './upstream.ts';

/** What a test's stand-in for Bedrock needs: frames with real checksums, and a check of the signature made apart from ours. */
export function eventFrame(type: string, value: object): Buffer {
  const headers = { ':event-type': type, ':content-type': 'application/json', ':message-type': 'event' };
  return encodeFrame({ headers, payload: Buffer.from(JSON.stringify(value)) });
}

export function exceptionFrame(type: string, message: string): Buffer {
  const headers = { ':exception-type': type, ':content-type': 'application/json', ':message-type': 'exception' };
  return encodeFrame({ headers, payload: Buffer.from(JSON.stringify({ message })) });
}

/** Writes the frames in pieces that end anywhere. */
export function sendFrames(response: ServerResponse, frames: readonly Buffer[], pieceBytes = 100): void {
  response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
  const all = Buffer.concat(frames);
  for (let at = 0; at < all.length; at += pieceBytes) response.write(all.subarray(at, at + pieceBytes));
  response.end();
}

/** An answer as Bedrock streams it. */
export function answerFrames(text: string, usage: object): Buffer[] {
  return [
    eventFrame('messageStart', { role: 'assistant' }),
    ...text
      .split(/(?<= )/)
      .map((delta) => eventFrame('contentBlockDelta', { contentBlockIndex: 0, delta: { text: delta } })),
    eventFrame('contentBlockStop', { contentBlockIndex: 0 }),
    eventFrame('messageStop', { stopReason: 'end_turn' }),
    eventFrame('metadata', { usage, metrics: { latencyMs: 12 } }),
  ];
}

/** Whether the request carries the signature that this secret makes, by the letter of AWS's description. */
export function isSignedWith(
  { method, url, headers, body }: SeenRequest,
  { accessKeyId, secret, region, host }: { accessKeyId: string; secret: string; region: string; host: string },
): boolean {
  const match = /^AWS4-HMAC-SHA256 Credential=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
    headers.authorization ?? '',
  );
  const [, credential = '', names = '', signature = ''] = match ?? [];
  const date = String(headers['x-amz-date'] ?? '');
  const scope = `${date.slice(0, 8)}/${region}/bedrock/aws4_request`;
  if (credential !== `${accessKeyId}/${scope}` || headers.host !== host) return false;
  const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
  const mac = (key: Buffer | string, text: string): Buffer => createHmac('sha256', key).update(text).digest();
  const path = url.split('/').map(encodeURIComponent).join('/');
  const signed = names.split(';').map((name) => `${name}:${String(headers[name] ?? '').trim()}\n`);
  const canonical = [method, path, '', `${signed.join('')}`, names, hash(body)].join('\n');
  const key = [date.slice(0, 8), region, 'bedrock', 'aws4_request'].reduce<Buffer>(mac, Buffer.from(`AWS4${secret}`));
  return mac(key, ['AWS4-HMAC-SHA256', date, scope, hash(canonical)].join('\n')).toString('hex') === signature;
}
