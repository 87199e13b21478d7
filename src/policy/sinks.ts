import type { Label } from '../protocol/label.ts';
import type { Resource } from '../protocol/resource.ts';
import type { Risk } from '../protocol/tool.ts';

/**
 * Where the effect of a call ends up, derived from what its exact arguments touch and never from what a tool says of
 * itself. `external`: somebody outside the principal's own circle gets the bytes. `persistent`: the bytes stay and later
 * runs are led by them. `privileged`: they change what agents may do. A tool that reaches out and names nothing is one
 * external sink of unknown readers, so a tool that forgets to declare itself is judged at its worst.
 */
export interface Sink {
  readonly kind: 'external' | 'persistent' | 'privileged';
  /** What exceptions and grants name: `url:https://api.example.org/v1`, `memory:agent/notes`. */
  readonly name: string;
  /** Where it goes, in words for a card. */
  readonly where: string;
  /** The principal who gets the bytes, where it is exactly one. */
  readonly reader?: string;
  /** The whole of what leaves is this address: a GET without a body. */
  readonly address?: string;
}

export interface SinkCaller {
  readonly tool: string;
  readonly risk: Risk;
  readonly principal: string;
  readonly team?: string | undefined;
  /** What programs in the run's sandbox reach, as text for people. */
  readonly egress: readonly string[];
}

export function sinksOf(resources: readonly Resource[], caller: SinkCaller): readonly Sink[] {
  const sinks = resources.flatMap((resource) => sinkOf(resource, caller));
  if (caller.risk === 'sandbox-execute' && caller.egress.length > 0) {
    sinks.push({
      kind: 'external',
      name: `egress:${caller.egress.join(',')}`,
      where: `programs of the sandbox reach ${caller.egress.join(', ')}`,
    });
  }
  const reachesOut = caller.risk === 'network' || caller.risk === 'message';
  if (reachesOut && !sinks.some((sink) => sink.kind !== 'persistent')) {
    const named = resources.some((resource) => resource.kind === 'person' || resource.kind === 'agent');
    if (!named) sinks.push({ kind: 'external', name: `tool:${caller.tool}`, where: `whoever ${caller.tool} reaches` });
  }
  return sinks;
}

/** The label that data of this resource has, for what a call lets somebody else read. */
export function sourceOf(resource: Resource, principal: string): Label | undefined {
  if (resource.kind !== 'path') return undefined;
  return folderLabel(resource.path, principal);
}

/** A folder of a person's is private to them, and nobody knows who wrote what is in it. */
export function folderLabel(path: string, principal: string): Label {
  return {
    integrity: 'untrusted',
    confidentiality: 'private',
    origins: [`file:${path}`],
    ...(principal === 'owner' ? {} : { principals: [principal] }),
  };
}

function sinkOf(resource: Resource, caller: SinkCaller): Sink[] {
  switch (resource.kind) {
    case 'path':
      return resource.mode === 'rw' ? [persistent(`path:${resource.path}`, `files in ${resource.path}`)] : [];
    case 'template':
      return templateSink(resource);
    case 'url':
      return [urlSink(resource)];
    case 'agent':
      return isElsewhere(resource.team, caller)
        ? [external(`agent:${resource.id}`, `the agent ${resource.id} of the team ${resource.team}`)]
        : [];
    case 'blackboard':
      return blackboardSink(resource, caller);
    case 'api':
      return [
        external(
          `api:${resource.service}:${resource.method} ${resource.path}`,
          `${resource.service}: ${resource.method} ${resource.path}`,
        ),
      ];
    case 'browser':
      return browserSink(resource);
    case 'mcp':
      return [external(`mcp:${resource.server}/${resource.tool}`, `the MCP server ${resource.server}`)];
    case 'person':
      return resource.address === caller.principal
        ? []
        : [{ ...external(`person:${resource.address}`, personWords(resource)), reader: resource.address }];
    case 'memory':
      return resource.act === 'write' ? [persistent(`memory:${resource.scope}`, `the memory ${resource.scope}`)] : [];
    case 'schedule':
      return [privileged(`schedule:${resource.act}`, `a schedule (${resource.act})`)];
    case 'skill':
      return resource.act === 'use'
        ? []
        : [privileged(`skill:${resource.name}`, `the skill ${resource.name} (${resource.act})`)];
    case 'fleet':
      return [privileged(`fleet:${resource.act}:${resource.target}`, `${resource.act} of ${resource.target}`)];
    case 'wallet':
      return [
        privileged(`wallet:${resource.chain}`, `a payment of ${resource.usd} USD on ${resource.chain}`),
        external(`wallet:${resource.chain}`, `the chain ${resource.chain}`),
      ];
    // The label travels with a message of our own, and a credential is nothing without the call that uses it.
    case 'topic':
    case 'credential':
      return [];
  }
}

function templateSink(template: Extract<Resource, { kind: 'template' }>): Sink[] {
  const egress = template.egress ?? [];
  const ways = [
    ...(template.network ? ['reads web pages'] : []),
    ...(egress.length > 0 ? [`whose programs reach ${egress.join(', ')}`] : []),
  ];
  if (ways.length === 0) return [];
  return [external(`template:${template.id}`, `a worker (${template.id}) that ${ways.join(' and ')}`)];
}

function urlSink({ url, method, bytes }: Extract<Resource, { kind: 'url' }>): Sink {
  const isBare = (method === undefined || method === 'GET' || method === 'HEAD') && (bytes ?? 0) === 0;
  return { ...external(`url:${url}`, hostOf(url)), ...(isBare ? { address: url } : {}) };
}

/** What only looks at a page that is already open sends nothing. */
const LOOKING = new Set(['snapshot', 'screenshot', 'find_text', 'get_text', 'console', 'requests', 'wait', 'scroll']);

function browserSink({ action, host }: Extract<Resource, { kind: 'browser' }>): Sink[] {
  if (LOOKING.has(action)) return [];
  const where = host ?? 'the open page';
  return [external(`browser:${action}:${where}`, `${where} (${action} in the browser)`)];
}

function blackboardSink({ key, act }: Extract<Resource, { kind: 'blackboard' }>, caller: SinkCaller): Sink[] {
  if (act !== 'write') return [];
  const team = /^teams\/([^/]+)\//.exec(key)?.[1];
  return isElsewhere(team, caller) ? [external(`blackboard:${key}`, `the blackboard of the team ${team}`)] : [];
}

/** An agent without a team is a coordinator: no team is another one to it. */
function isElsewhere(team: string | undefined, caller: SinkCaller): boolean {
  return team !== undefined && caller.team !== undefined && team !== caller.team;
}

function personWords({ address, known }: { address: string; known: boolean }): string {
  return known ? address : `${address}, who is not known here`;
}

function hostOf(url: string): string {
  return /^[a-z]+:\/\/([^/?#]*)/i.exec(url)?.[1] ?? url;
}

const external = (name: string, where: string): Sink => ({ kind: 'external', name, where });
const persistent = (name: string, where: string): Sink => ({ kind: 'persistent', name, where });
const privileged = (name: string, where: string): Sink => ({ kind: 'privileged', name, where });
