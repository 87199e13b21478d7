import type { IncomingMessage } from 'node:http';
import { VendorFault } from './vendor-fault.ts';

/** What the strictest vendor takes in one request. */
const LARGEST_REQUEST_BYTES = 33_554_432;

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    const buffer = Buffer.from(chunk);
    bytes += buffer.length;
    if (bytes > LARGEST_REQUEST_BYTES)
      throw new VendorFault('too-large', `Request exceeds the maximum size of ${LARGEST_REQUEST_BYTES} bytes.`);
    chunks.push(buffer);
  }
  return Buffer.concat(chunks);
}

export function parseBodyJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw new VendorFault('invalid-request', 'We could not parse the JSON body of your request.', {
      code: error instanceof SyntaxError ? 'invalid_json' : undefined,
    });
  }
}
