import { sign } from 'node:crypto';
import { HoldfastError } from '../../../protocol/error.ts';

/** A JSON Web Token signed with RS256, the algorithm that Google and GitHub ask of service accounts and apps. */
export function signJwt(claims: Readonly<Record<string, unknown>>, privateKey: string, keyId?: string): string {
  const header = { alg: 'RS256', typ: 'JWT', ...(keyId === undefined ? {} : { kid: keyId }) };
  const content = `${part(header)}.${part(claims)}`;
  try {
    return `${content}.${sign('RSA-SHA256', Buffer.from(content), privateKey).toString('base64url')}`;
  } catch {
    // The cause would carry parts of the key in some versions of OpenSSL.
    throw new HoldfastError(
      'bad-request',
      'The private key of this credential cannot sign: it is not an RSA key in PEM.',
      {
        remedy: 'Add the credential again with the whole key file.',
      },
    );
  }
}

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
