import { createHash, X509Certificate } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { HoldfastError } from '../../protocol/error.ts';
import { checkpoint } from '../store/database.ts';

/**
 * Whom the vault believes when it speaks TLS on somebody's behalf: the public authorities that Node brings and those that
 * the owner added (a company's, a home server's). Certificates are always checked; there is no switch to turn that off.
 */
export interface Trust {
  /** The context of a connection to a server; the same object for the same wishes, so that roots are read once. */
  context(client?: ClientCertificate): SecureContext;
  list(): readonly TrustedAuthority[];
  put(name: string, pem: string): void;
  delete(name: string): void;
}

export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
  readonly passphrase?: string | undefined;
}

export interface TrustedAuthority {
  readonly name: string;
  readonly subject: string;
  readonly fingerprint: string;
  readonly validTo: string;
}

const PEM = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
const MOST_CONTEXTS = 64;

export function createTrust(database: DatabaseSync): Trust {
  const byName = new Map<string, string>();
  for (const row of database.prepare('SELECT name, pem FROM trusted_authorities ORDER BY name').all())
    byName.set(String(row.name), String(row.pem));
  const contexts = new Map<string, SecureContext>();
  const changed = (): void => {
    checkpoint(database);
    contexts.clear();
  };
  const make = (client: ClientCertificate | undefined): SecureContext => {
    const ca = byName.size === 0 ? {} : { ca: [...getCACertificates('default'), ...byName.values()] };
    try {
      return createSecureContext({ minVersion: 'TLSv1.2', ...ca, ...(client ? definedOf(client) : {}) });
    } catch {
      // The cause may quote the key.
      throw new HoldfastError('bad-request', 'The client certificate and its private key do not fit together.', {
        remedy: 'Enter both again, in PEM, and the passphrase if the key has one.',
      });
    }
  };
  return {
    context: (client) => {
      const key = client ? createHash('sha256').update(`${client.cert}\n${client.key}`).digest('hex') : '';
      const known = contexts.get(key);
      if (known) return known;
      const made = make(client);
      if (contexts.size >= MOST_CONTEXTS) contexts.clear();
      contexts.set(key, made);
      return made;
    },
    list: () =>
      [...byName].map(([name, pem]) => {
        const { subject, fingerprint256, validTo } = new X509Certificate(pem);
        return { name, subject: subject.replaceAll('\n', ', '), fingerprint: fingerprint256, validTo };
      }),
    put: (name, pem) => {
      const text = checkedAuthority(name, pem);
      database
        .prepare(
          'INSERT INTO trusted_authorities (name, pem) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET pem = excluded.pem',
        )
        .run(name, text);
      byName.set(name, text);
      changed();
    },
    delete: (name) => {
      if (!byName.delete(name))
        throw new HoldfastError('not-found', `There is no authority named ${name.slice(0, 64)}.`);
      database.prepare('DELETE FROM trusted_authorities WHERE name = ?').run(name);
      changed();
    },
  };
}

function definedOf({ cert, key, passphrase }: ClientCertificate): { cert: string; key: string; passphrase?: string } {
  return passphrase === undefined ? { cert, key } : { cert, key, passphrase };
}

function checkedAuthority(name: string, pem: string): string {
  const remedy = 'Give the certificate of the authority in PEM.';
  if (!/^[a-z0-9][a-z0-9-]{0,47}$/.test(name))
    throw new HoldfastError('bad-request', `${JSON.stringify(name.slice(0, 64))} is not a name: use a-z 0-9 -.`);
  const [certificate, ...more] = pem.match(PEM) ?? [];
  if (certificate === undefined || more.length > 0)
    throw new HoldfastError('bad-request', `The file for ${name} does not hold exactly one certificate.`, { remedy });
  try {
    new X509Certificate(certificate);
    return certificate;
  } catch (error) {
    throw new HoldfastError('bad-request', `The certificate of ${name} cannot be read.`, { remedy, cause: error });
  }
}
