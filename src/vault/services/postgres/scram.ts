import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

/**
 * The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), as PostgreSQL asks for it. The server is held to its part: its
 * nonce must begin with ours, its iterations must be bounded, and its signature is checked, so that a server which does
 * not know the password is not believed.
 */
export interface Scram {
  readonly first: string;
  /** The answer to the server's first message. */
  final(serverFirst: string): Promise<string>;
  /** Throws unless the server knows the password too. */
  check(serverFinal: string): void;
}

const derive = promisify(pbkdf2);
const HEADER = 'n,,';
const MOST_ITERATIONS = 1_000_000;

export function createScram(password: string, nonce = randomBytes(18).toString('base64')): Scram {
  // PostgreSQL takes the name from the startup message.
  const bare = `n=,r=${nonce}`;
  let expected: Buffer | undefined;
  return {
    first: `${HEADER}${bare}`,
    final: async (serverFirst) => {
      const { r: serverNonce = '', s: salt = '', i: count = '' } = fieldsOf(serverFirst);
      const iterations = Number(count);
      if (!serverNonce.startsWith(nonce) || serverNonce.length === nonce.length || salt === '')
        throw new Error('its SCRAM nonce is not ours');
      if (!Number.isInteger(iterations) || iterations < 1 || iterations > MOST_ITERATIONS)
        throw new Error('it asks for an odd number of SCRAM iterations');
      const salted = await derive(password.normalize('NFKC'), Buffer.from(salt, 'base64'), iterations, 32, 'sha256');
      const withoutProof = `c=${Buffer.from(HEADER).toString('base64')},r=${serverNonce}`;
      const message = `${bare},${serverFirst},${withoutProof}`;
      const clientKey = hmac(salted, 'Client Key');
      const signature = hmac(createHash('sha256').update(clientKey).digest(), message);
      const proof = Buffer.from(clientKey.map((byte, i) => byte ^ (signature[i] ?? 0)));
      expected = hmac(hmac(salted, 'Server Key'), message);
      return `${withoutProof},p=${proof.toString('base64')}`;
    },
    check: (serverFinal) => {
      const { v: signature = '' } = fieldsOf(serverFinal);
      const given = Buffer.from(signature, 'base64');
      if (!expected || given.length !== expected.length || !timingSafeEqual(given, expected))
        throw new Error('it does not know the password itself (its SCRAM signature is wrong)');
    },
  };
}

function fieldsOf(message: string): Readonly<Record<string, string>> {
  return Object.fromEntries(message.split(',').map((field) => [field.slice(0, 1), field.slice(2)]));
}

const hmac = (key: Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();
