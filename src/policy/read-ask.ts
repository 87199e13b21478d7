import type { Resource } from '../protocol/resource.ts';

/**
 * A resource as a person types it: an address, a folder, or `<kind>[.<act>]:<name>` with the kinds of the floor's rules
 * (`blackboard.write:teams/sales/x`, `agent.task:intern`, `api:hunter GET /v2`, `wallet:evm:base 5 0xab`).
 */
export function readAsk(text: string): Resource | string {
  if (/^https?:\/\//i.test(text)) return { kind: 'url', url: text };
  if (text.startsWith('/')) return { kind: 'path', path: text, mode: 'ro' };
  const match = /^([a-z]+)(?:\.([a-z._-]+))?:(.+)$/su.exec(text);
  const [, kind = '', act, name = ''] = match ?? [];
  const make = Object.hasOwn(READERS, kind) ? READERS[kind] : undefined;
  return make?.(name, act) ?? `${JSON.stringify(text)} is no address, no folder and no <kind>:<name>`;
}

type Reader = (name: string, act: string | undefined) => Resource | undefined;

const oneOf = <T extends string>(acts: readonly T[], act: string | undefined, fallback: T): T | undefined =>
  act === undefined ? fallback : acts.find((known) => known === act);

const READERS: Readonly<Record<string, Reader>> = {
  path: (path, act) => {
    const mode = oneOf(['ro', 'rw'], act, 'ro');
    return mode && { kind: 'path', path, mode };
  },
  template: (id) => ({ kind: 'template', id, network: false }),
  host: (host) => ({ kind: 'url', url: `https://${host}/` }),
  url: (url) => ({ kind: 'url', url }),
  agent: (id, act) => {
    const known = oneOf(['message', 'task', 'read'], act, 'message');
    return known && { kind: 'agent', id, act: known };
  },
  topic: (name, act) => {
    const known = oneOf(['publish', 'subscribe'], act, 'publish');
    return known && { kind: 'topic', name, act: known };
  },
  blackboard: (key, act) => {
    const known = oneOf(['read', 'write', 'watch'], act, 'read');
    return known && { kind: 'blackboard', key, act: known };
  },
  credential: (name) => ({ kind: 'credential', name }),
  api: (name) => {
    const [service = '', method = 'GET', path = '/'] = name.split(' ');
    return { kind: 'api', service, method, path };
  },
  browser: (name) => {
    const [action = '', host] = name.split(' ');
    return { kind: 'browser', action, ...(host === undefined ? {} : { host }) };
  },
  skill: (name, act) => {
    const known = oneOf(['use', 'install', 'remove'], act, 'use');
    return known && { kind: 'skill', name, act: known };
  },
  mcp: (name) => {
    const [server = '', tool = ''] = name.split('/');
    return { kind: 'mcp', server, tool };
  },
  schedule: (name) => {
    const known = oneOf(['create', 'change', 'remove'], name, 'create');
    return known && { kind: 'schedule', act: known };
  },
  memory: (scope, act) => {
    const known = oneOf(['read', 'write'], act, 'read');
    return known && { kind: 'memory', scope, act: known };
  },
  person: (address) => ({ kind: 'person', address, known: false }),
  fleet: (target, act) => (act === undefined ? undefined : { kind: 'fleet', act, target, widens: false }),
  wallet: (name) => {
    const [chain = '', usd = '0', contract] = name.split(' ');
    return { kind: 'wallet', chain, usd: Number(usd), ...(contract === undefined ? {} : { contract }) };
  },
};
