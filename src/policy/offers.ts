import type { GrantOffer } from '../protocol/grant.ts';
import type { Resource } from '../protocol/resource.ts';
import { describeResource } from './describe-resource.ts';
import { isFlowRule } from './flow.ts';
import { showBytes } from './show-bytes.ts';
import type { Sink } from './sinks.ts';
import { namesOf } from './subject.ts';

/**
 * What a card may offer beyond this one call, narrowest first: the very things it names, then one narrow generalisation.
 * Nothing is offered for what should be looked at each time: money, skills that are installed, the fleet itself.
 */
export function offersOf(rule: string, resources: readonly Resource[], sinks: readonly Sink[]): readonly GrantOffer[] {
  const asked = isFlowRule(rule) ? sinks : [];
  if (resources.some(isNeverGranted) || asked.some((sink) => sink.kind === 'privileged')) return [];
  if (resources.length === 0 && asked.length === 0) return [];
  const allows = [...new Set(resources.flatMap(subjectsOfResource))];
  const exact = asked.map((sink) => sink.name);
  if ([...allows, ...exact].some((text) => text.includes('*') || text.length > 400)) return [];
  const what = resources.length > 0 ? resources.map(describeResource) : asked.map((sink) => sink.where);
  const taint = asked.length === 0 ? '' : ', also with private data and led by text from outside';
  const offers: GrantOffer[] = [
    { width: 'exact', words: shown(`exactly this: ${what.join('; ')}${taint}`), allows, sinks: exact },
  ];
  const wider = asked.map(widerSink);
  if (wider.some((sink, index) => sink.pattern !== exact[index])) {
    const words = wider.map((sink) => sink.words).join('; ');
    offers.push({
      width: 'similar',
      words: shown(`${words}${taint}`),
      allows,
      sinks: wider.map((sink) => sink.pattern),
    });
  }
  return offers;
}

/** A model may have written the names in it. */
const shown = (words: string): string => showBytes(words, 1_000).text;

function isNeverGranted(resource: Resource): boolean {
  if (resource.kind === 'skill') return resource.act !== 'use';
  return resource.kind === 'fleet' || resource.kind === 'wallet';
}

function subjectsOfResource(resource: Resource): readonly string[] {
  return namesOf(resource).map(
    ({ kind, act, names }) => `${kind}${act === undefined ? '' : `.${act}`}:${names.at(-1) ?? ''}`,
  );
}

/** One step wider: any address of the same host, any path of the same service and method. */
function widerSink(sink: Sink): { pattern: string; words: string } {
  const url = /^(url:https?:\/\/[^/?#]+\/)/.exec(sink.name)?.[1];
  if (url !== undefined) return { pattern: `${url}*`, words: `any address at ${sink.where}, whatever it holds` };
  const api = /^(api:[^:]+:[A-Z]+ )/.exec(sink.name)?.[1];
  if (api !== undefined) return { pattern: `${api}*`, words: `any ${api.slice(4).trim()}` };
  return { pattern: sink.name, words: sink.where };
}
