import type { ApprovalCard } from '../protocol/decision.ts';
import type { Resource } from '../protocol/resource.ts';
import { describeResource } from './describe-resource.ts';
import type { Finding } from './finding.ts';
import type { GateRequest } from './request.ts';

type Path = Extract<Resource, { kind: 'path' }>;
type Template = Extract<Resource, { kind: 'template' }>;

/** What a person reads before they answer: made by us from the exact arguments, never by a model. */
export function cardOf(request: GateRequest, asked: readonly Finding[]): ApprovalCard {
  const resources = asked.flatMap(({ resource }) => resource ?? []);
  const paths = resources.filter((resource) => resource.kind === 'path');
  const others = asked.filter(({ resource }) => resource?.kind !== 'path');
  if (others.length === 0) return folderCard(request, paths);
  const folders = paths.length === 0 ? undefined : folderCard(request, paths);
  return {
    title: `${request.agentId} asks before it uses ${request.tool}`,
    facts: [
      ...(folders?.facts ?? []),
      ...others.map(({ resource }) => ({
        name: resource?.kind ?? 'call',
        value: resource === undefined ? request.tool : describeResource(resource),
      })),
      ...(folders === undefined ? [{ name: 'asked by', value: request.agentId }] : []),
    ],
    risk: [...others.map(({ why }) => why), ...(folders === undefined ? [] : [folders.risk])].join(' '),
  };
}

function folderCard(request: GateRequest, paths: readonly Path[]): ApprovalCard {
  const writes = paths.some((path) => path.mode === 'rw');
  const templates = request.resources.filter((resource) => resource.kind === 'template');
  const reaches = templates.some((template) => (template.egress ?? []).length > 0);
  return {
    title: writes ? 'A worker wants to change files in a folder' : 'A worker wants to read a folder',
    facts: [
      ...paths.map((path) => ({
        name: path.mode === 'rw' ? 'folder (read and write)' : 'folder (read-only)',
        value: path.path,
      })),
      ...templates.map((template) => ({ name: 'worker', value: template.id })),
      { name: 'asked by', value: request.agentId },
      { name: 'network', value: networkOf(templates) },
    ],
    risk: `${writes ? 'files in this folder can be changed or deleted' : 'the worker and its model see what is in this folder'}${
      reaches ? ', and the worker can send it to the hosts named' : ''
    }`,
  };
}

function networkOf(templates: readonly Template[]): string {
  const hosts = [...new Set(templates.flatMap((template) => template.egress ?? []))];
  const ways = [
    ...(templates.some((template) => template.network) ? ['reads web pages'] : []),
    ...(hosts.length > 0 ? [`programs reach ${hosts.join(', ')}`] : []),
  ];
  return ways.length === 0 ? 'none' : ways.join('; ');
}

/** One card for two reasons to ask, so that a person answers once and sees both. */
export function joinCards(first: ApprovalCard, second: ApprovalCard): ApprovalCard {
  const facts = [...first.facts, ...second.facts];
  const key = (fact: (typeof facts)[number]): string => `${fact.name}\n${fact.value}`;
  return {
    title: first.title,
    facts: [...new Map(facts.map((fact) => [key(fact), fact])).values()],
    risk: [...new Set([first.risk, second.risk])].join('; '),
  };
}
