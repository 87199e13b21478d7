import { crc32 } from 'node:zlib';

/**
 * Frames of AWS's event stream (`application/vnd.amazon.eventstream`): length, length of the headers, CRC of these two,
 * headers, payload, CRC of everything before it. Numbers are big-endian.
 */
export interface Frame {
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: Buffer;
}

const PRELUDE = 12;
const OVERHEAD = 16;
const LARGEST_FRAME = 16_777_216;
const STRING = 7;
/** Bytes of values by type, where they are fixed. */
const FIXED: Readonly<Record<number, number>> = { 0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16 };

export function encodeFrame({ headers, payload }: Frame): Buffer {
  const head = Buffer.concat(Object.entries(headers).map(encodeHeader));
  const prelude = Buffer.alloc(PRELUDE);
  prelude.writeUInt32BE(OVERHEAD + head.length + payload.length, 0);
  prelude.writeUInt32BE(head.length, 4);
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8);
  const body = Buffer.concat([prelude, head, payload]);
  const end = Buffer.alloc(4);
  end.writeUInt32BE(crc32(body), 0);
  return Buffer.concat([body, end]);
}

function encodeHeader([name, value]: readonly [string, string]): Buffer {
  const text = Buffer.from(value);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(text.length, 0);
  return Buffer.concat([
    Buffer.from([Buffer.byteLength(name)]),
    Buffer.from(name),
    Buffer.from([STRING]),
    length,
    text,
  ]);
}

/** `undefined` when the checksums or the headers are not right. */
export function decodeFrame(bytes: Buffer): Frame | undefined {
  const total = frameLength(bytes);
  if (total === undefined || total !== bytes.length) return undefined;
  const headBytes = bytes.readUInt32BE(4);
  if (headBytes > total - OVERHEAD || crc32(bytes.subarray(0, total - 4)) !== bytes.readUInt32BE(total - 4))
    return undefined;
  const headers = decodeHeaders(bytes.subarray(PRELUDE, PRELUDE + headBytes));
  return headers && { headers, payload: bytes.subarray(PRELUDE + headBytes, total - 4) };
}

/** Length of the frame that begins here; `undefined` when it is none. */
export function frameLength(bytes: Buffer): number | undefined {
  if (bytes.length < PRELUDE || crc32(bytes.subarray(0, 8)) !== bytes.readUInt32BE(8)) return undefined;
  const total = bytes.readUInt32BE(0);
  return total >= OVERHEAD && total <= LARGEST_FRAME ? total : undefined;
}

export const FRAME_PRELUDE_BYTES = PRELUDE;

function decodeHeaders(bytes: Buffer): Record<string, string> | undefined {
  const headers: Record<string, string> = {};
  let at = 0;
  while (at < bytes.length) {
    const nameEnd = at + 1 + (bytes[at] ?? 0);
    const name = bytes.toString('utf8', at + 1, nameEnd);
    const type = bytes[nameEnd];
    const fixed = type === undefined ? undefined : FIXED[type];
    if (type === undefined || (fixed === undefined && nameEnd + 3 > bytes.length)) return undefined;
    const start = fixed === undefined ? nameEnd + 3 : nameEnd + 1;
    const end = start + (fixed ?? bytes.readUInt16BE(nameEnd + 1));
    if (end > bytes.length) return undefined;
    if (type === STRING) headers[name] = bytes.toString('utf8', start, end);
    at = end;
  }
  return headers;
}

/** Cuts a stream into frames. Throws when a checksum is wrong: what follows cannot be told apart any more. */
export function createFrameReader(): { push(chunk: Uint8Array): Frame[]; readonly isComplete: boolean } {
  let rest: Buffer = Buffer.alloc(0);
  return {
    push: (chunk) => {
      rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
      const frames: Frame[] = [];
      while (rest.length >= PRELUDE) {
        const length = frameLength(rest);
        if (length === undefined) throw new Error('The event stream has a frame with a wrong checksum.');
        if (rest.length < length) break;
        const frame = decodeFrame(rest.subarray(0, length));
        if (frame === undefined) throw new Error('The event stream has a frame with a wrong checksum.');
        frames.push(frame);
        rest = rest.subarray(length);
      }
      return frames;
    },
    get isComplete() {
      return rest.length === 0;
    },
  };
}
