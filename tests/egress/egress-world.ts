/** A vault with a door, and a real sandbox behind it. Names are resolved by a table; no packet leaves this machine. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:https';
import { type AddressInfo, createServer as createNetServer, type Server as NetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { EgressConnection } from '../../src/protocol/egress.ts';
import { createVaultWorld, type VaultWorld } from '../../src/testing/vault-world.ts';

export interface EgressWorld extends AsyncDisposable {
  readonly vault: VaultWorld;
  /** What DNS says; a function is asked each time. */
  readonly names: Record<string, readonly string[] | (() => readonly string[])>;
  readonly resolved: string[];
  readonly agent: string;
  allow(...places: string[]): Promise<void>;
  setRules(rules: Parameters<VaultWorld['owner']['putEgressRules']>[1]): Promise<void>;
  /** Opens a private host and port, as `holdfast vault allow` does. */
  except(host: string, port: number): Promise<void>;
  door(run?: string, only?: readonly string[]): Promise<string>;
  close(run: string): Promise<void>;
  rows(run?: string): Promise<EgressConnection[]>;
}

export async function createEgressWorld(): Promise<EgressWorld> {
  const names: EgressWorld['names'] = {};
  const resolved: string[] = [];
  const exceptions: { host: string; port: number }[] = [];
  const agent = 'tester';
  const vault = await createVaultWorld({
    resolveAll: async (host) => {
      resolved.push(host);
      const known = Object.hasOwn(names, host) ? names[host] : undefined;
      const addresses = typeof known === 'function' ? known() : known;
      if (!addresses) throw Object.assign(new Error(`no such name ${host}`), { code: 'ENOTFOUND' });
      return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    },
  });
  const ask = async (method: string, path: string, body?: object): Promise<string> => {
    const answer = await vault.host(path, { method, ...(body ? { body: JSON.stringify(body) } : {}) });
    if (answer.status >= 300) throw new Error(answer.text);
    return answer.text;
  };
  const setRules: EgressWorld['setRules'] = (rules) => vault.owner.putEgressRules(agent, rules);
  return {
    ...{ vault, names, resolved, agent, setRules },
    allow: (...places) => setRules({ allow: places }),
    except: async (host, port) => {
      exceptions.push({ host, port });
      await vault.owner.putExceptions(agent, { hosts: exceptions });
    },
    door: async (run = 'run_1', only) =>
      JSON.parse(await ask('POST', '/egress-doors', { agent, run, ...(only ? { only } : {}) })).socketPath,
    close: async (run) => void (await ask('DELETE', `/egress-doors/${run}`)),
    rows: async (run = 'run_1') =>
      EgressConnection.array().parse(JSON.parse(await ask('GET', `/egress-connections?run=${run}`)).connections),
    [Symbol.asyncDispose]: () => vault[Symbol.asyncDispose](),
  };
}

/** A key and a certificate for these names, made by openssl. */
export async function makeCertificate(names: readonly string[]): Promise<{ key: string; cert: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'hf-cert-'));
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  const subject = ['-subj', '/CN=test', '-addext', `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`];
  const out = ['-keyout', key, '-out', cert];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  execFileSync('openssl', ['req', '-x509', ...curve, '-nodes', '-days', '2', ...subject, ...out], { stdio: 'ignore' });
  const made = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  await rm(directory, { recursive: true, force: true });
  return made;
}

export async function listen(server: NetServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as AddressInfo;
  return address.port;
}

export function closeAll(server: NetServer | Server): Promise<void> {
  if ('closeAllConnections' in server) server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

/** The bytes of a real ClientHello. */
export function clientHello(servername: string): Promise<Buffer> {
  return new Promise((resolve) => {
    const server = createNetServer((socket) => {
      socket.once('data', (bytes) => {
        socket.destroy();
        server.close();
        resolve(bytes);
      });
    });
    void listen(server).then((port) =>
      tlsConnect({ port, host: '127.0.0.1', servername }).on('error', () => undefined),
    );
  });
}
