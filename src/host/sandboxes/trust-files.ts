import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';

/**
 * The file of authorities that a sandbox believes: the system's and this installation's own, because most programs believe
 * either the file or the system and never both. The same certificate gives the same file; nothing in it is secret.
 */
export interface TrustFiles {
  /** Path of the file with this authority in it. */
  fileFor(authority: string): Promise<string>;
}

/** Where distributions keep theirs. */
const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

export function createTrustFiles(directory: string, bundles: readonly string[] = SYSTEM_BUNDLES): TrustFiles {
  const made = new Map<string, Promise<string>>();
  const make = async (authority: string, name: string): Promise<string> => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const path = join(directory, `${name}.pem`);
    // Written beside and moved, so that nobody ever reads half of it.
    await writeFile(`${path}.new`, `${await systemRoots(bundles)}\n${authority}`, { mode: 0o644 });
    await rename(`${path}.new`, path);
    return path;
  };
  return {
    fileFor: async (authority) => {
      const name = createHash('sha256').update(authority).digest('hex').slice(0, 32);
      const known = made.get(name) ?? make(authority, name);
      made.set(name, known);
      known.catch(() => made.delete(name));
      return await known;
    },
  };
}

async function systemRoots(bundles: readonly string[]): Promise<string> {
  for (const path of bundles) {
    const text = await readFile(path, 'utf8').catch(() => '');
    if (text.includes('BEGIN CERTIFICATE')) return text;
  }
  return rootCertificates.join('\n');
}
