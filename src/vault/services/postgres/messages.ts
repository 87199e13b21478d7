/**
 * The messages of PostgreSQL's protocol 3.0 that a login is made of. Reads are strict and bounded: a length that does not
 * fit, or a message before its time, ends the connection.
 */
export interface Message {
  /** One letter; empty for the first message of a client, which has none. */
  readonly type: string;
  readonly body: Buffer;
}

export const PROTOCOL_3 = 0x0003_0000;
export const SSL_REQUEST = 80_877_103;
export const GSS_REQUEST = 80_877_104;
export const CANCEL_REQUEST = 80_877_102;
/** The longest message of a login. */
export const LONGEST_MESSAGE = 65_536;

/** The first message in these bytes; undefined while there are too few of them. Throws when it cannot be one. */
export function readMessage(bytes: Buffer, typed: boolean): { message: Message; rest: Buffer } | undefined {
  const head = typed ? 1 : 0;
  if (bytes.length < head + 4) return undefined;
  const length = bytes.readInt32BE(head);
  if (length < 4 || length > LONGEST_MESSAGE) throw new Error('a message has no plausible length');
  const end = head + length;
  if (bytes.length < end) return undefined;
  const type = typed ? String.fromCharCode(bytes[0] ?? 0) : '';
  return { message: { type, body: bytes.subarray(head + 4, end) }, rest: bytes.subarray(end) };
}

export function writeMessage(type: string, ...parts: readonly (Buffer | string)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? text(part) : part)));
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type), length, body]);
}

/** With its ending zero. */
export function text(value: string): Buffer {
  return Buffer.concat([Buffer.from(value), Buffer.from([0])]);
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** Name, value, name, value … up to an empty name. */
export function readParameters(body: Buffer): ReadonlyMap<string, string> {
  const words = body.toString('utf8').split('\0');
  const found = new Map<string, string>();
  for (let i = 0; i + 1 < words.length && words[i] !== ''; i += 2) found.set(words[i] ?? '', words[i + 1] ?? '');
  return found;
}

export function writeStartup(parameters: ReadonlyMap<string, string>): Buffer {
  const words = [...parameters].flatMap(([name, value]) => [text(name), text(value)]);
  return writeMessage('', int32(PROTOCOL_3), ...words, Buffer.from([0]));
}

/** An error as PostgreSQL's clients show it. */
export function errorMessage(code: string, message: string, hint?: string): Buffer {
  const field = (name: string, value: string): Buffer => Buffer.concat([Buffer.from(name), text(value)]);
  const fields = [field('S', 'FATAL'), field('V', 'FATAL'), field('C', code), field('M', message)];
  return writeMessage('E', ...fields, ...(hint === undefined ? [] : [field('H', hint)]), Buffer.from([0]));
}

/** Code and text of a server's error; a stranger wrote it, so it is cut and plain. */
export function readError(body: Buffer): { code: string; message: string } {
  const fields = new Map(
    body
      .toString('utf8')
      .split('\0')
      .map((field) => [field.slice(0, 1), field.slice(1)]),
  );
  const plain = (value: string | undefined): string => (value ?? '').replaceAll(/[^\x20-\x7e]/g, ' ').slice(0, 300);
  return { code: plain(fields.get('C')) || 'XX000', message: plain(fields.get('M')) || 'the server refused' };
}
