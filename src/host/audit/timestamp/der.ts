import { HoldfastError } from '../../../protocol/error.ts';

/** One element of DER. `content` and `whole` are views of the given bytes. */
export interface DerNode {
  readonly tag: number;
  readonly content: Buffer;
  /** With its head: what a signature or a hash is over. */
  readonly whole: Buffer;
}

/** The elements that stand one after the other in `bytes`. Anything but plain DER is refused: it comes from a stranger. */
export function readDer(bytes: Buffer): DerNode[] {
  const nodes: DerNode[] = [];
  for (let at = 0; at < bytes.length; ) {
    const node = readOne(bytes, at);
    nodes.push(node);
    at += node.whole.length;
  }
  return nodes;
}

function readOne(bytes: Buffer, at: number): DerNode {
  const tag = bytes[at] ?? 0;
  const first = bytes[at + 1];
  if (first === undefined || (tag & 0x1f) === 0x1f || first === 0x80) throw notDer();
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (lengthBytes > 4 || at + 2 + lengthBytes > bytes.length) throw notDer();
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes);
  const start = at + 2 + lengthBytes;
  if (start + length > bytes.length) throw notDer();
  return { tag, content: bytes.subarray(start, start + length), whole: bytes.subarray(at, start + length) };
}

export function childrenOf(node: DerNode | undefined, tag = SEQUENCE): DerNode[] {
  if (node?.tag !== tag) throw notDer();
  return readDer(node.content);
}

export function contentOf(node: DerNode | undefined, tag: number): Buffer {
  if (node?.tag !== tag) throw notDer();
  return node.content;
}

export function oidOf(node: DerNode | undefined): string {
  const bytes = contentOf(node, OID);
  const numbers: number[] = [];
  let value = 0;
  for (const byte of bytes) {
    value = value * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    numbers.push(value);
    value = 0;
  }
  const [head = 0, ...rest] = numbers;
  const root = Math.min(2, Math.floor(head / 40));
  return [root, head - root * 40, ...rest].join('.');
}

export const INTEGER = 0x02;
export const OCTETS = 0x04;
export const OID = 0x06;
export const TIME = 0x18;
export const SEQUENCE = 0x30;
export const SET = 0x31;
/** `[n]`, constructed. */
export const context = (n: number): number => 0xa0 + n;

export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const digits = content.length.toString(16);
  const length = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 + length.length]), length, content]);
}

function notDer(): HoldfastError {
  return new HoldfastError('bad-request', 'The timestamp is not what RFC 3161 describes.');
}
