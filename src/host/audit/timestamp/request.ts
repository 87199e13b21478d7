import { hash } from 'node:crypto';
import { der, INTEGER, OCTETS, SEQUENCE } from './der.ts';

const SHA256_WITH_NULL = Buffer.from('300d06096086480165030402010500', 'hex');
const TRUE = Buffer.from('0101ff', 'hex');
const VERSION_1 = Buffer.from('020101', 'hex');

/** A TimeStampReq for the SHA-256 of `text`; the certificate of the authority is asked for. `nonce`: 8 random bytes. */
export function timestampRequest(text: string, nonce: Buffer): Buffer {
  const imprint = der(SEQUENCE, SHA256_WITH_NULL, der(OCTETS, hash('sha256', text, 'buffer')));
  return der(SEQUENCE, VERSION_1, imprint, der(INTEGER, positive(nonce)), TRUE);
}

/** An INTEGER of DER has a sign and no byte too many. */
export function positive(bytes: Buffer): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const short = bytes.subarray(start);
  return (short[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), short]) : short;
}
