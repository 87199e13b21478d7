import { createHash, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import {
  bits,
  boolean,
  type Der,
  explicit,
  implicit,
  integer,
  objectId,
  octets,
  sequence,
  setOf,
  time,
  utf8,
} from './der.ts';

/** An X.509 v3 certificate (RFC 5280) on P-256 keys, signed with ECDSA and SHA-256, in PEM. */
export interface CertificateWish {
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly issuer: { readonly name: string; readonly privateKey: KeyObject };
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Host names and addresses of a server; absent: an authority, which signs servers and nothing else. */
  readonly hosts?: readonly string[];
}

const ECDSA_WITH_SHA256 = sequence(objectId('1.2.840.10045.4.3.2'));
const COMMON_NAME = '2.5.4.3';
const EXTENSION = {
  subjectKey: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectNames: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKey: '2.5.29.35',
  extendedUsage: '2.5.29.37',
} as const;
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const DIGITAL_SIGNATURE = { byte: 0x80, unused: 7 };
const KEY_CERT_SIGN = { byte: 0x04, unused: 2 };
const PATH_LENGTH_0 = integer(Buffer.from([0]));

export function makeCertificate(wish: CertificateWish): string {
  const info = wish.publicKey.export({ type: 'spki', format: 'der' });
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(serialNumber()),
    ECDSA_WITH_SHA256,
    name(wish.issuer.name),
    sequence(time(wish.notBefore), time(wish.notAfter)),
    name(wish.subject),
    info,
    explicit(3, sequence(...extensionsOf(wish))),
  );
  const signature = sign('SHA256', body, wish.issuer.privateKey);
  const der = sequence(body, ECDSA_WITH_SHA256, bits(signature));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

function name(commonName: string): Der {
  return sequence(setOf(sequence(objectId(COMMON_NAME), utf8(commonName.slice(0, 64)))));
}

function extensionsOf({ publicKey, issuer, hosts }: CertificateWish): Der[] {
  const own = extension(EXTENSION.subjectKey, octets(keyId(publicKey)));
  if (hosts === undefined) {
    return [
      own,
      extension(EXTENSION.basicConstraints, sequence(boolean(true), PATH_LENGTH_0), true),
      extension(EXTENSION.keyUsage, usage(KEY_CERT_SIGN), true),
    ];
  }
  return [
    own,
    extension(EXTENSION.authorityKey, sequence(implicit(0, keyId(createPublicKey(issuer.privateKey))))),
    extension(EXTENSION.basicConstraints, sequence(), true),
    extension(EXTENSION.keyUsage, usage(DIGITAL_SIGNATURE), true),
    extension(EXTENSION.extendedUsage, sequence(objectId(SERVER_AUTH))),
    extension(EXTENSION.subjectNames, sequence(...hosts.map(subjectName))),
  ];
}

function extension(id: string, content: Der, critical = false): Der {
  return sequence(objectId(id), ...(critical ? [boolean(true)] : []), octets(content));
}

function usage({ byte, unused }: { byte: number; unused: number }): Der {
  return bits(Buffer.from([byte]), unused);
}

/** SHA-1 of the key, the first method of RFC 5280 4.2.1.2: a name, not a protection. */
function keyId(key: KeyObject): Buffer {
  const info = key.export({ type: 'spki', format: 'der' });
  return createHash('sha1').update(info).digest();
}

function subjectName(host: string): Der {
  if (isIP(host) === 4) return implicit(7, Buffer.from(host.split('.').map(Number)));
  return implicit(2, Buffer.from(host));
}
