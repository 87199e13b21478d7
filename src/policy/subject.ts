import { readPlace } from '../protocol/egress.ts';
import { type RuleKind, type RuleSubject, readSubject } from '../protocol/policy-rule.ts';
import type { Resource } from '../protocol/resource.ts';
import { globCovers, intersectGlobs, matchGlob } from './glob.ts';
import { isWithin } from './paths.ts';

/**
 * How a rule's subject and a call's resources are compared, for the floor and for standing grants alike. The two lean to
 * opposite sides: a refusal counts where any part of the resource is named, a grant only where all of it is.
 */
export interface Named {
  readonly kind: RuleKind;
  readonly act: string | undefined;
  /** The ways this one thing can be named, the longest last. */
  readonly names: readonly string[];
}

export function namesOf(resource: Resource): readonly Named[] {
  switch (resource.kind) {
    case 'path':
      return [{ kind: 'path', act: resource.mode, names: [resource.path] }];
    case 'template':
      return [one('template', resource.id), ...(resource.egress ?? []).flatMap(placeHosts)];
    case 'url':
      return [one('host', hostOf(resource.url) ?? resource.url)];
    case 'agent':
      return [one('agent', resource.id, resource.act)];
    case 'topic':
      return [one('topic', resource.name, resource.act)];
    case 'blackboard':
      return [one('blackboard', resource.key, resource.act)];
    case 'credential':
      return [one('credential', resource.name.toLowerCase())];
    case 'api':
      return [several('api', resource.service, `${resource.service} ${resource.method} ${resource.path}`)];
    case 'browser':
      return [
        one('browser', resource.action),
        ...(resource.host === undefined ? [] : [one('host', resource.host.toLowerCase())]),
      ];
    case 'skill':
      return [one('skill', resource.name, resource.act)];
    case 'mcp':
      return [several('mcp', resource.server, `${resource.server}/${resource.tool}`)];
    case 'schedule':
      return [one('schedule', resource.act, resource.act)];
    case 'memory':
      return [one('memory', resource.scope, resource.act)];
    case 'person':
      return [one('person', resource.address)];
    case 'fleet':
      return [one('fleet', resource.target, resource.act)];
    case 'wallet':
      return [several('wallet', resource.chain, `${resource.chain}/${resource.contract ?? ''}`)];
    default:
      // A kind of a later version: no rule can name it, and the permissions refuse it.
      return [];
  }
}

const one = (kind: RuleKind, name: string, act?: string): Named => ({ kind, act, names: [name] });
const several = (kind: RuleKind, ...names: string[]): Named => ({ kind, act: undefined, names });

/** The host of an address as it would be resolved; undefined when it is no http address. */
export function hostOf(url: string): string | undefined {
  const match = /^https?:\/\/(?:[^/?#@\\]*@)?(\[[0-9a-f:.]+\]|[^/?#:@\\]+)(?::\d*)?(?:[/?#]|$)/i.exec(url);
  return match?.[1]
    ?.toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
}

/** The hosts that a place of a sandbox stands for. */
export function placeHosts(place: string): readonly Named[] {
  const rules = readPlace(place);
  return typeof rules === 'string' ? [] : rules.map((rule) => one('host', rule.host));
}

/** Whether a refusal names any part of this. */
export function touches(subject: RuleSubject, named: Named): boolean {
  if (subject.kind !== named.kind || !sameAct(subject.act, named.act)) return false;
  if (subject.kind === 'path') return named.names.some((path) => pathsMeet(subject.glob, path));
  return named.names.some((name) =>
    name.includes('*') ? intersectGlobs(subject.glob, name).length > 0 : matchGlob(subject.glob, name),
  );
}

/** Whether a grant names all of this. */
export function includes(subject: RuleSubject, named: Named): boolean {
  if (subject.kind !== named.kind) return false;
  const actFits =
    subject.act === undefined || subject.act === named.act || (subject.act === 'rw' && named.act === 'ro');
  if (!actFits) return false;
  if (subject.kind === 'path') return named.names.every((path) => pathWithin(path, subject.glob));
  return named.names.some((name) => globCovers(subject.glob, name));
}

/** A rule about reading a folder also forbids writing it: who writes it has it mounted. */
const sameAct = (rule: string | undefined, act: string | undefined): boolean =>
  rule === undefined || rule === act || (rule === 'ro' && act === 'rw');

/** Sharing a folder shares all below it: a refused folder refuses what it holds and what holds it. */
function pathsMeet(glob: string, path: string): boolean {
  const star = glob.indexOf('*');
  if (star === -1) return isWithin(path, glob) || isWithin(glob, path);
  if (!sameStart(glob, path, Math.min(star, path.length))) return false;
  return pathWithin(path, glob) || intersectGlobs(glob, path === '/' ? '/*' : `${path}/*`).length > 0;
}

function pathWithin(path: string, glob: string): boolean {
  return glob.includes('*') ? matchGlob(glob, path) || matchGlob(`${glob}/*`, path) : isWithin(path, glob);
}

function sameStart(a: string, b: string, length: number): boolean {
  for (let i = 0; i < length; i += 1) if (a.charCodeAt(i) !== b.charCodeAt(i)) return false;
  return true;
}

/** The subjects of texts that a schema accepted. */
export const subjectsOf = (texts: readonly string[]): readonly RuleSubject[] =>
  texts.flatMap((text) => {
    const subject = readSubject(text);
    return typeof subject === 'string' ? [] : [subject];
  });
