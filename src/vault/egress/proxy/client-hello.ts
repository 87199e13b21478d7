/**
 * Reads the server name out of the first message of a TLS connection, without taking part in it. Strict on purpose: what
 * is not exactly one well formed ClientHello with exactly one host name is refused, because a server that reads it more
 * kindly than we do could be asked for another name than the one that was judged. The message may be cut across TLS
 * records and across packets anywhere.
 */
export type ClientHello =
  /** Nothing can be said before so many bytes are there. */
  | { readonly kind: 'more'; readonly atLeast: number }
  | { readonly kind: 'bad'; readonly reason: string }
  | { readonly kind: 'hello'; readonly serverName: string | undefined };

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const LONGEST_RECORD = 16_384;
/** Real ones come in one or two. */
const MOST_RECORDS = 32;
/** Larger than any real one, post-quantum key shares included. */
const LONGEST_HELLO = 65_535;
const NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,253})$/;

export function readClientHello(bytes: Buffer): ClientHello {
  const message = joinRecords(bytes);
  if (!Buffer.isBuffer(message)) return message;
  try {
    return { kind: 'hello', serverName: serverNameOf(new Reader(message)) };
  } catch (error) {
    if (error instanceof Malformed) return { kind: 'bad', reason: error.message };
    throw error;
  }
}

/** The handshake message without its header, out of one or more records. */
function joinRecords(bytes: Buffer): Buffer | ClientHello {
  const parts: Buffer[] = [];
  let at = 0;
  while (parts.length < MOST_RECORDS) {
    if (bytes.length < at + 5) return isTlsStart(bytes.subarray(at)) ? { kind: 'more', atLeast: at + 5 } : notTls();
    const length = bytes.readUInt16BE(at + 3);
    if (!isTlsStart(bytes.subarray(at)) || length === 0 || length > LONGEST_RECORD) return notTls();
    const end = at + 5 + length;
    if (bytes.length < end) return { kind: 'more', atLeast: end };
    parts.push(bytes.subarray(at + 5, end));
    at = end;
    const message = Buffer.concat(parts);
    if (message[0] !== CLIENT_HELLO) return bad('it does not begin with a ClientHello');
    if (message.length < 4) continue;
    const needed = 4 + message.readUIntBE(1, 3);
    if (needed > LONGEST_HELLO) return bad('its ClientHello is too large');
    if (message.length > needed) return bad('its ClientHello has bytes too many');
    if (message.length === needed) return message.subarray(4);
  }
  return bad('its ClientHello is cut into too many records');
}

/** Whether these could be the first bytes of a handshake record. */
function isTlsStart(bytes: Buffer): boolean {
  return (bytes.length < 1 || bytes[0] === HANDSHAKE) && (bytes.length < 2 || bytes[1] === 3);
}

const bad = (reason: string): ClientHello => ({ kind: 'bad', reason });
const notTls = (): ClientHello => bad('it is not TLS');

function serverNameOf(hello: Reader): string | undefined {
  if (hello.number(2) >> 8 !== 3) throw new Malformed('its version is not one of TLS');
  hello.bytes(32);
  hello.vector(1);
  hello.vector(2);
  hello.vector(1);
  if (hello.isAtEnd) return undefined;
  const extensions = new Reader(hello.vector(2));
  hello.mustEnd();
  let name: string | undefined;
  const seen = new Set<number>();
  while (!extensions.isAtEnd) {
    const type = extensions.number(2);
    const body = extensions.vector(2);
    if (seen.has(type)) throw new Malformed('an extension is there twice');
    seen.add(type);
    if (type === SERVER_NAME) name = hostNameOf(new Reader(body));
  }
  return name;
}

function hostNameOf(extension: Reader): string {
  const list = new Reader(extension.vector(2));
  extension.mustEnd();
  if (list.number(1) !== HOST_NAME) throw new Malformed('its server name is of an unknown kind');
  const name = list.vector(2).toString('latin1');
  list.mustEnd();
  if (!NAME.test(name)) throw new Malformed('its server name is not a host name');
  return name.replace(/\.$/, '').toLowerCase();
}

class Malformed extends Error {}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  mustEnd(): void {
    if (!this.isAtEnd) throw new Malformed('its ClientHello has bytes too many');
  }

  bytes(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new Malformed('its ClientHello is cut short');
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  number(width: number): number {
    return this.bytes(width).readUIntBE(0, width);
  }

  vector(width: number): Buffer {
    return this.bytes(this.number(width));
  }
}
