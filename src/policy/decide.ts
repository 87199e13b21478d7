import type { Decision } from '../protocol/decision.ts';
import type { Resource } from '../protocol/resource.ts';
import type { Risk } from '../protocol/tool.ts';
import { isWithin, type PathFacts, refusePath } from './paths.ts';

/**
 * The gate. Pure: every effect passes here before it happens, and the same request with the same facts always gets the
 * same answer. Default deny: a tool that was not granted by name is refused.
 */
export interface GateRequest {
  readonly agentId: string;
  readonly tool: string;
  readonly risk: Risk;
  /** What the exact arguments would touch, resolved by the host and never by the model. */
  readonly resources: readonly Resource[];
}

export interface GateFacts extends PathFacts {
  /** Tools this run was granted, by name. */
  readonly tools: readonly string[];
  readonly isOperator: boolean;
  /** Folders this run already holds; what lies inside needs no new question, and never more than this mode. */
  readonly folders: readonly { readonly path: string; readonly mode: 'ro' | 'rw' }[];
}

/** The coordinator only plans and delegates: it has no tool that acts, whatever its grants say. */
const OPERATOR_RISKS: readonly Risk[] = ['control'];

export function decide(request: GateRequest, facts: GateFacts): Decision {
  if (!facts.tools.includes(request.tool)) {
    return deny(
      'tools.not-granted',
      `The tool ${request.tool} is not granted to ${request.agentId}.`,
      'Add the tool to the agent or worker template.',
    );
  }
  if (facts.isOperator && !OPERATOR_RISKS.includes(request.risk)) {
    return deny(
      'operator.no-side-effects',
      `The operator does not act itself; ${request.tool} is ${request.risk}.`,
      'Have a worker do it with spawn_worker.',
    );
  }
  for (const resource of request.resources) {
    if (resource.kind !== 'path') continue;
    const reason = refusePath(resource.path, facts);
    if (reason !== undefined) {
      return deny(
        'paths.never-shared',
        `The folder ${resource.path} is never shared: ${reason}.`,
        'Name another folder, or copy what is needed into one.',
      );
    }
  }
  const asked = request.resources.filter((resource) => resource.kind === 'path').filter((path) => !isHeld(path, facts));
  if (asked.length === 0) return { kind: 'allow', rule: `tools.${request.risk}` };
  return { kind: 'ask', rule: 'paths.ask-owner', card: folderCard(request, asked) };
}

function isHeld(wanted: { path: string; mode: 'ro' | 'rw' }, facts: GateFacts): boolean {
  return facts.folders.some((held) => isWithin(wanted.path, held.path) && (wanted.mode === 'ro' || held.mode === 'rw'));
}

function folderCard(
  request: GateRequest,
  paths: readonly { path: string; mode: 'ro' | 'rw' }[],
): Extract<Decision, { kind: 'ask' }>['card'] {
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

function networkOf(templates: readonly { network: boolean; egress?: readonly string[] }[]): string {
  const hosts = [...new Set(templates.flatMap((template) => template.egress ?? []))];
  const ways = [
    ...(templates.some((template) => template.network) ? ['reads web pages'] : []),
    ...(hosts.length > 0 ? [`programs reach ${hosts.join(', ')}`] : []),
  ];
  return ways.length === 0 ? 'none' : ways.join('; ');
}

function deny(rule: string, reason: string, unlock: string): Decision {
  return { kind: 'deny', rule, reason, unlock };
}
