import type { Readable } from 'node:stream';
import { HoldfastError } from '../../../protocol/error.ts';
import { createUnpacker } from '../../egress/unpack.ts';
import type { SecretGuard } from '../../secret-guard.ts';
import type { HopAnswer } from '../outbound.ts';

/**
 * What came back, unpacked and with every known secret taken out, in the headers too: a service cannot echo a key to the
 * agent. An answer that is packed in a way we cannot undo is refused, because nobody could look into it.
 */
export interface CleanAnswer {
  readonly headers: Record<string, string>;
  readonly body: Buffer;
  readonly truncated: boolean;
  readonly redacted: number;
}

/** Headers that would say something untrue of the unpacked body, or that belong to the connection. */
const NOT_PASSED = new Set([
  'content-encoding',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'set-cookie',
  'proxy-authenticate',
  'upgrade',
  'trailer',
  'alt-svc',
]);
const MOST_HEADERS = 100;
const LONGEST_HEADER = 4_096;
const MOST_LAYERS = 2;

export async function cleanAnswer(
  answer: Pick<HopAnswer, 'headers' | 'body'>,
  { guards, maxBytes }: { guards: readonly SecretGuard[]; maxBytes: number },
): Promise<CleanAnswer> {
  const { bytes, truncated } = await readUnpacked(answer, maxBytes);
  let redacted = 0;
  const clean = (input: Buffer): Buffer => {
    const done = redact(input, guards);
    redacted += done.found;
    return done.data;
  };
  const body = clean(bytes);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer.headers).slice(0, MOST_HEADERS)) {
    if (value === undefined || NOT_PASSED.has(name)) continue;
    const text = Array.isArray(value) ? value.join(', ') : value;
    const line = clean(Buffer.from(`${name}: ${text}`, 'latin1')).toString('latin1');
    const colon = line.indexOf(': ');
    if (colon > 0) headers[line.slice(0, colon)] = line.slice(colon + 2, colon + 2 + LONGEST_HEADER);
  }
  return { headers, body, truncated, redacted };
}

/** All of it, through every guard. */
export function redact(input: Buffer, guards: readonly SecretGuard[]): { data: Buffer; found: number } {
  let data = input;
  let found = 0;
  for (const guard of guards) {
    const scan = guard.scan();
    const clean = scan.push(data);
    const rest = scan.flush();
    data = rest.length === 0 ? clean : Buffer.concat([clean, rest]);
    found += scan.found;
  }
  return { data, found };
}

export function encodingsOf(header: string | string[] | undefined): readonly string[] {
  return (Array.isArray(header) ? header.join(',') : (header ?? ''))
    .split(',')
    .map((one) => one.trim().toLowerCase())
    .filter((one) => one !== '' && one !== 'identity');
}

/** A stream of the body with every encoding undone; throws when one is not known. */
export function unpacked(body: Readable, encodings: readonly string[]): Readable {
  let source = body;
  for (const encoding of encodings.toReversed()) {
    const unpacker = encodings.length > MOST_LAYERS ? null : createUnpacker(encoding);
    if (!unpacker)
      throw new HoldfastError('egress.denied', `Not read: the answer is packed as ${encoding.slice(0, 40)}.`, {
        remedy: 'Nobody could look for secrets in it. Ask for it unpacked.',
      });
    const before = source;
    before.on('error', (error) => unpacker.destroy(error));
    source = before.pipe(unpacker);
  }
  return source;
}

async function readUnpacked(
  { headers, body }: Pick<HopAnswer, 'headers' | 'body'>,
  maxBytes: number,
): Promise<{ bytes: Buffer; truncated: boolean }> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of unpacked(body, encodingsOf(headers['content-encoding']))) {
    const bytes: Buffer = chunk;
    chunks.push(bytes.subarray(0, maxBytes - size));
    size += bytes.length;
    if (size > maxBytes) return { bytes: Buffer.concat(chunks), truncated: true };
  }
  return { bytes: Buffer.concat(chunks), truncated: false };
}
