import { hash, verify, X509Certificate } from 'node:crypto';
import { HoldfastError } from '../../../protocol/error.ts';
import { childrenOf, contentOf, context, type DerNode, INTEGER, OCTETS, oidOf, readDer, SET, TIME } from './der.ts';
import { positive } from './request.ts';

/**
 * Checks a timestamp of RFC 3161 against the authority's certificate: that it is over this very text, that the attributes
 * signed name the very certificate (ESS) and content, that the signature holds, and that the certificate was made for
 * timestamps, was valid then and leads to an authority the owner named. Whatever is not known is refused.
 */
export interface Timestamp {
  /** When the authority saw the text, Unix milliseconds. */
  readonly at: number;
}

export interface TimestampCheck {
  readonly text: string;
  /** PEM; may hold several certificates. */
  readonly authorities: string;
  /** The nonce of the request, while there is one. */
  readonly nonce?: Buffer;
}

const SIGNED_DATA = '1.2.840.113549.1.7.2';
const TST_INFO = '1.2.840.113549.1.9.16.1.4';
const CONTENT_TYPE = '1.2.840.113549.1.9.3';
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4';
const SIGNING_CERTIFICATE = '1.2.840.113549.1.9.16.2.12';
const SIGNING_CERTIFICATE_V2 = '1.2.840.113549.1.9.16.2.47';
const FOR_TIMESTAMPS = '1.3.6.1.5.5.7.3.8';
const DIGESTS: Readonly<Record<string, string>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
/** `digest`: the digest algorithm of the signer says which. */
const SIGNATURES: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.1': 'digest',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
};
const LONGEST_CHAIN = 6;

/** The token inside a TimeStampResp, or the authority's refusal. */
export function tokenOfResponse(response: Buffer): Buffer {
  const [status, token] = childrenOf(readDer(response)[0]);
  const code = contentOf(childrenOf(status)[0], INTEGER).readUInt8(0);
  if (code <= 1 && token !== undefined) return token.whole;
  throw new HoldfastError('forbidden', `The timestamp authority refused with status ${code}.`);
}

export function checkTimestamp(token: Buffer, { text, authorities, nonce }: TimestampCheck): Timestamp {
  const [type, wrapped] = childrenOf(readDer(token)[0]);
  if (oidOf(type) !== SIGNED_DATA) throw wrong('it is not signed data');
  const fields = childrenOf(childrenOf(wrapped, context(0))[0]);
  const info = contentOfSigned(fields[2]);
  const certificates = fields.filter((field) => field.tag === context(0)).flatMap(certificatesIn);
  const signers = childrenOf(fields.at(-1), SET);
  const [signer] = signers;
  if (signer === undefined || signers.length !== 1) throw wrong(`it has ${signers.length} signers`);
  const certificate = checkSigner(signer, info, certificates);
  const at = checkInfo(info, text, nonce);
  checkCertificate(certificate, { at, certificates, authorities: pemCertificates(authorities) });
  return { at };
}

/** Encapsulated content: the type and, in `[0]`, the bytes. */
function contentOfSigned(node: DerNode | undefined): Buffer {
  const [type, wrapped] = childrenOf(node);
  if (oidOf(type) !== TST_INFO) throw wrong('it holds no timestamp');
  return contentOf(childrenOf(wrapped, context(0))[0], OCTETS);
}

function checkInfo(info: Buffer, text: string, nonce: Buffer | undefined): number {
  const [, , imprint, , time, ...rest] = childrenOf(readDer(info)[0]);
  const [algorithm, hashed] = childrenOf(imprint);
  const name = digestOf(algorithm);
  if (!contentOf(hashed, OCTETS).equals(hash(name, text, 'buffer'))) throw wrong('it is over another text');
  const given = rest.find((node) => node.tag === INTEGER)?.content;
  if (nonce !== undefined && (given === undefined || !given.equals(positive(nonce))))
    throw wrong('it answers another request');
  return timeOf(contentOf(time, TIME).toString('latin1'));
}

function checkSigner(signer: DerNode, info: Buffer, certificates: readonly X509Certificate[]): X509Certificate {
  const fields = childrenOf(signer);
  const [, , digestAlgorithm, attributes, signatureAlgorithm, signature] = fields;
  const digest = digestOf(digestAlgorithm);
  if (attributes?.tag !== context(0)) throw wrong('its signer signed no attributes');
  const byType = new Map(readDer(attributes.content).map(attribute));
  if (oidOf(byType.get(CONTENT_TYPE)) !== TST_INFO) throw wrong('what was signed is no timestamp');
  if (!contentOf(byType.get(MESSAGE_DIGEST), OCTETS).equals(hash(digest, info, 'buffer')))
    throw wrong('its content was changed');
  const certificate = named(byType, certificates);
  const scheme = SIGNATURES[oidOf(childrenOf(signatureAlgorithm)[0])];
  if (scheme === undefined) throw wrong('its kind of signature is not known here');
  // What is signed is the SET itself, not its implicit tag.
  const signed = Buffer.concat([Buffer.from([SET]), attributes.whole.subarray(1)]);
  const name = scheme === 'digest' ? digest : scheme;
  if (!verify(name, signed, certificate.publicKey, contentOf(signature, OCTETS)))
    throw wrong('its signature does not hold');
  return certificate;
}

function attribute(node: DerNode): [string, DerNode | undefined] {
  const [type, values] = childrenOf(node);
  return [oidOf(type), childrenOf(values, SET)[0]];
}

/** The certificate that the signer itself named by its hash. */
function named(byType: ReadonlyMap<string, DerNode | undefined>, certificates: readonly X509Certificate[]) {
  const v2 = byType.get(SIGNING_CERTIFICATE_V2);
  const first = childrenOf(childrenOf(v2 ?? byType.get(SIGNING_CERTIFICATE))[0])[0];
  const [head, second] = childrenOf(first);
  const explicit = v2 !== undefined && head?.tag !== OCTETS;
  const name = v2 === undefined ? 'sha1' : explicit ? digestOf(head) : 'sha256';
  const wanted = contentOf(explicit ? second : head, OCTETS);
  const found = certificates.find((one) => hash(name, one.raw, 'buffer').equals(wanted));
  if (found === undefined) throw wrong('it does not carry the certificate that signed it');
  return found;
}

interface Trust {
  readonly at: number;
  readonly certificates: readonly X509Certificate[];
  readonly authorities: readonly X509Certificate[];
}

function checkCertificate(signer: X509Certificate, trust: Trust): void {
  if (!(signer.keyUsage ?? []).includes(FOR_TIMESTAMPS)) throw wrong('its certificate is not for timestamps');
  let current = signer;
  for (let step = 0; step < LONGEST_CHAIN; step += 1) {
    const { at } = trust;
    if (at < Date.parse(current.validFrom) || at > Date.parse(current.validTo))
      throw wrong('its certificate was not valid then');
    if (trust.authorities.some((one) => one.raw.equals(current.raw))) return;
    const issuedBy = (one: X509Certificate): boolean =>
      one.ca && current.checkIssued(one) && current.verify(one.publicKey);
    const authority = trust.authorities.find(issuedBy);
    if (authority !== undefined) return;
    const next = trust.certificates.find((one) => !one.raw.equals(current.raw) && issuedBy(one));
    if (next === undefined) break;
    current = next;
  }
  throw wrong('its certificate does not lead to an authority in the CA file');
}

function certificatesIn(node: DerNode): X509Certificate[] {
  return readDer(node.content)
    .filter((one) => one.tag === 0x30)
    .map((one) => new X509Certificate(one.whole));
}

function pemCertificates(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

function digestOf(node: DerNode | undefined): string {
  const name = DIGESTS[oidOf(childrenOf(node)[0])];
  if (name === undefined) throw wrong('its hash is not SHA-256, SHA-384 or SHA-512');
  return name;
}

function timeOf(text: string): number {
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d+)?Z$/.exec(text);
  if (parts === null) throw wrong('its time cannot be read');
  const [, year, month, day, hour, minute, second, fraction = ''] = parts;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${fraction.slice(0, 4)}Z`);
}

function wrong(why: string): HoldfastError {
  return new HoldfastError('forbidden', `The timestamp is not accepted: ${why}.`);
}
