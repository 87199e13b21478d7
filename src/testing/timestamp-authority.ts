import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** An authority of `openssl ts` with a CA of its own, for tests. */
export interface TestAuthority {
  /** PEM. */
  readonly ca: string;
  readonly caFile: string;
  readonly certificateDer: string;
  answer(request: Buffer): Buffer;
  /** `undefined` when openssl refuses to. */
  tryAnswer(request: Buffer): Buffer | undefined;
}

export function createTestAuthority(directory: string, options: { extendedKeyUsage?: string } = {}): TestAuthority {
  mkdirSync(directory, { recursive: true });
  const path = (name: string): string => join(directory, name);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' });
  const usage = options.extendedKeyUsage ?? 'timeStamping';
  writeFileSync(path('ts.ext'), `extendedKeyUsage = critical,${usage}\nkeyUsage = critical,digitalSignature\n`);
  writeFileSync(path('serial'), '01\n');
  writeFileSync(
    path('ts.cnf'),
    `[tsa]\ndefault_tsa = a\n[a]\ndir = ${directory}\nserial = ${path('serial')}\nsigner_cert = ${path('ts.pem')}\n` +
      `signer_key = ${path('ts.key')}\nsigner_digest = sha256\ndefault_policy = 1.2.3.4\ndigests = sha256\n` +
      'accuracy = secs:1\nordering = no\ntsa_name = no\ness_cert_id_chain = no\ness_cert_id_alg = sha256\n',
  );
  const ca = ['-subj', '/CN=Test Authority', '-addext', 'basicConstraints=critical,CA:TRUE', '-days', '3'];
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', ...ca);
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ts.key', '-out', 'ts.csr', '-subj', '/CN=Test Clock');
  const issue = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'ts.ext'];
  openssl('x509', '-req', '-in', 'ts.csr', '-out', 'ts.pem', ...issue);
  openssl('x509', '-in', 'ts.pem', '-outform', 'DER', '-out', 'ts.der');
  const answer = (request: Buffer): Buffer => {
    writeFileSync(path('request'), request);
    openssl('ts', '-reply', '-config', 'ts.cnf', '-queryfile', 'request', '-out', 'response');
    return readFileSync(path('response'));
  };
  return {
    ca: readFileSync(path('ca.pem'), 'utf8'),
    caFile: path('ca.pem'),
    certificateDer: path('ts.der'),
    answer,
    tryAnswer: (request) => {
      try {
        return answer(request);
      } catch {
        return undefined;
      }
    },
  };
}
