import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { connect, createServer } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openVaultDatabase } from '../../store/database.ts';
import { createAuthority } from './authority.ts';

let directory: string;
let database: DatabaseSync;
const ring = { key: Buffer.alloc(32, 7) };
const DAY = 86_400_000;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hf-ca-'));
  database = openVaultDatabase(join(directory, 'vault.db'));
});
afterEach(() => {
  database.close();
  rmSync(directory, { recursive: true });
});

const authority = (now = Date.now()) => createAuthority({ database, ring, now: () => now });

/** What a client sees of a server with this context, and whether it believes it. */
async function handshake(
  host: string,
  ca: string,
  servername = host,
): Promise<{ chain: X509Certificate; error: string }> {
  const context = authority().contextFor(host);
  const server = createServer({ SNICallback: (_name, done) => done(null, context), ALPNProtocols: ['http/1.1'] });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    return await new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', servername, ca, rejectUnauthorized: false }, () => {
        const error = socket.authorizationError;
        resolve({ chain: new X509Certificate(socket.getPeerCertificate().raw), error: error ? String(error) : '' });
        socket.destroy();
      });
      socket.on('error', reject);
    });
  } finally {
    server.close();
  }
}

describe('the authority for sandboxes', () => {
  it('is believed by whoever has its certificate, for that very host, and by nobody else', async () => {
    const ca = authority().certificate() ?? '';
    expect((await handshake('api.example.org', ca)).error).toBe('');
    expect((await handshake('api.example.org', ca, 'other.example.org')).error).toContain('ALTNAME');
    const stranger = openVaultDatabase(join(directory, 'other.db'));
    const other = createAuthority({ database: stranger, ring, now: Date.now }).certificate() ?? '';
    stranger.close();
    expect((await handshake('api.example.org', other)).error).not.toBe('');
  });

  it('makes certificates that openssl verifies strictly', async () => {
    const ca = authority().certificate() ?? '';
    const { chain } = await handshake('api.example.org', ca);
    writeFileSync(join(directory, 'ca.pem'), ca);
    writeFileSync(join(directory, 'leaf.pem'), chain.toString());
    const args = ['verify', '-x509_strict', '-purpose', 'sslserver', '-verify_hostname', 'api.example.org', '-CAfile'];
    const said = execFileSync('openssl', [...args, 'ca.pem', 'leaf.pem'], { cwd: directory, encoding: 'utf8' });
    expect(said).toContain('leaf.pem: OK');
    expect(chain).toMatchObject({ ca: false, subjectAltName: 'DNS:api.example.org' });
    expect(new X509Certificate(ca).ca).toBe(true);
  });

  it('is the same after a restart, sealed, and another one before it ends', () => {
    const first = authority().certificate();
    expect(authority().certificate()).toBe(first);
    const row = JSON.stringify(database.prepare('SELECT * FROM intercept_authority').get());
    expect(row).not.toContain('PRIVATE KEY');
    expect(authority(Date.now() + 710 * DAY).certificate()).not.toBe(first);
  });

  it('does nothing while the vault is locked, and refuses what was changed from outside', () => {
    const first = authority().certificate() ?? '';
    const locked = createAuthority({ database, ring: { key: undefined }, now: Date.now });
    expect(locked.certificate()).toBeUndefined();
    expect(() => locked.contextFor('a.example.org')).toThrow('locked');
    const next = Buffer.alloc(32, 8);
    authority().reseal(ring.key, next);
    expect(createAuthority({ database, ring: { key: next }, now: Date.now }).certificate()).toBe(first);
    database.prepare("UPDATE intercept_authority SET certificate = certificate || ' '").run();
    expect(() => authority().certificate()).toThrow('does not authenticate');
  });
});
