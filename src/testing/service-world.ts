import { type ServiceInput, type ServiceRequestInput, ServiceResponseHead } from '../protocol/service.ts';
import type { VaultConfig } from '../vault/vault.ts';
import { createVaultWorld, hostRequest, type VaultWorld } from './vault-world.ts';

/** A vault with credentials and services, spoken to at its real sockets; for tests. */
export interface ServiceWorld extends AsyncDisposable {
  readonly vault: VaultWorld;
  readonly agent: string;
  /** What DNS says. */
  readonly names: Record<string, readonly string[]>;
  readonly resolved: string[];
  /** A credential that the agent was granted. */
  credential(name: string, kind: string, parts: Record<string, string>, places?: readonly string[]): Promise<void>;
  service(name: string, setting: ServiceInput | object): Promise<void>;
  /** Opens a private place. */
  except(host: string, port: number): Promise<void>;
  allow(...places: string[]): Promise<void>;
  owner(method: string, path: string, body?: object | string): Promise<{ status: number; text: string; json: unknown }>;
  ask(request: Omit<ServiceRequestInput, 'agent'>, agent?: string): Promise<Asked>;
}

export interface Asked {
  readonly status: number;
  readonly head: ServiceResponseHead | undefined;
  readonly text: string;
  readonly body: Buffer;
  /** Of the vault, when it sent nothing. */
  readonly code: string | undefined;
  readonly message: string;
}

export async function createServiceWorld(change: Partial<VaultConfig> = {}): Promise<ServiceWorld> {
  const names: Record<string, readonly string[]> = {};
  const resolved: string[] = [];
  const exceptions: { host: string; port: number }[] = [];
  const agent = 'tester';
  const vault = await createVaultWorld({
    resolveAll: async (host) => {
      resolved.push(host);
      const addresses = Object.hasOwn(names, host) ? names[host] : undefined;
      if (!addresses) throw Object.assign(new Error(`no such name ${host}`), { code: 'ENOTFOUND' });
      return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    },
    ...change,
  });
  const owner: ServiceWorld['owner'] = async (method, path, body) => {
    const text = typeof body === 'object' ? JSON.stringify(body) : body;
    const options = { method, socketPath: vault.home.vaultOwnerSocket, ...(text === undefined ? {} : { body: text }) };
    const answer = await hostRequest(vault.home, path, options);
    return { status: answer.status, text: answer.text, json: parse(answer.text) };
  };
  const must = async (method: string, path: string, body?: object): Promise<void> => {
    const answer = await owner(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.text}`);
  };
  return {
    ...{ vault, agent, names, resolved, owner },
    credential: async (name, kind, parts, places = []) => {
      await must('POST', `/credentials/${name}`, { facts: { kind, note: '', places }, parts });
      await must('PUT', `/credential-grants/${agent}/${name}`);
    },
    service: (name, setting) => must('PUT', `/services/${name}`, setting),
    except: async (host, port) => {
      exceptions.push({ host, port });
      await vault.owner.putExceptions(agent, { hosts: exceptions });
    },
    allow: (...places) => vault.owner.putEgressRules(agent, { allow: places }),
    ask: async (request, who = agent) => {
      const body = JSON.stringify({ agent: who, run: 'run_1', ...request });
      const answer = await vault.host('/service-requests', { method: 'POST', body });
      const header = answer.headers['x-holdfast-fetch'];
      const head =
        typeof header === 'string'
          ? ServiceResponseHead.parse(JSON.parse(Buffer.from(header, 'base64url').toString('utf8')))
          : undefined;
      const { code, message } = head ? { code: undefined, message: '' } : Object(parse(answer.text));
      return { status: answer.status, head, text: answer.text, body: answer.body, code, message: String(message) };
    },
    [Symbol.asyncDispose]: () => vault[Symbol.asyncDispose](),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
