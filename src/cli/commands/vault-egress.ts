import { EGRESS_PRESETS, type EgressRules, readPlace, rulesOf } from '../../protocol/egress.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { VaultOwner } from '../vault-owner.ts';

export const EGRESS_USAGE = 'egress <agent> [allow|deny|intercept|no-intercept <place …>]';
const VERBS = ['allow', 'deny', 'intercept', 'no-intercept'] as const;
type Verb = (typeof VERBS)[number];

/**
 * Shows or changes what an agent's sandboxes may reach. `deny` takes a place back; where a wider one still lets it in, it
 * is written down as denied, which beats every allow.
 */
export async function changeEgress(
  owner: VaultOwner,
  [agent = '', verb, ...places]: readonly string[],
): Promise<readonly string[]> {
  const rules = await owner.getEgressRules(agent);
  if (verb === undefined) return describe(agent, rules);
  const known = VERBS.find((one) => one === verb);
  if (known === undefined || places.length === 0)
    throw new HoldfastError('bad-request', `usage: holdfast vault ${EGRESS_USAGE}`, {
      remedy: `A place is host[:port], *.host, http://host/path* or one of ${Object.keys(EGRESS_PRESETS).join(', ')}.`,
    });
  for (const place of places) {
    const problem = readPlace(place);
    if (typeof problem === 'string') throw new HoldfastError('bad-request', problem);
  }
  const next = change(rules, known, places);
  await owner.putEgressRules(agent, next);
  return describe(agent, next);
}

function change(rules: EgressRules, verb: Verb, places: readonly string[]): EgressRules {
  switch (verb) {
    case 'allow':
      return withAllowed(rules, places);
    case 'deny':
      return withDenied(rules, places);
    case 'intercept':
      return { ...rules, intercept: [...new Set([...rules.intercept, ...places])] };
    case 'no-intercept':
      return { ...rules, intercept: rules.intercept.filter((place) => !places.includes(place)) };
  }
}

function withAllowed(rules: EgressRules, places: readonly string[]): EgressRules {
  return {
    ...rules,
    allow: [...new Set([...rules.allow, ...places])],
    deny: rules.deny.filter((place) => !places.includes(place)),
  };
}

function withDenied(rules: EgressRules, places: readonly string[]): EgressRules {
  const allow = rules.allow.filter((place) => !places.includes(place));
  const stillOpen = places.filter((place) => rulesOf([place]).some(({ host }) => isNamed(host, allow)));
  return { ...rules, allow, deny: [...new Set([...rules.deny, ...stillOpen])] };
}

function isNamed(host: string, allow: readonly string[]): boolean {
  return rulesOf(allow).some((rule) => {
    const [wide, narrow] = rule.host.startsWith('*.') ? [rule.host, host] : [host, rule.host];
    return wide === narrow || (wide.startsWith('*.') && narrow.endsWith(wide.slice(1)));
  });
}

function describe(agent: string, { allow, deny, intercept }: EgressRules): readonly string[] {
  const inside = intercept.map((place) => `  looked into: https of ${place}`);
  if (allow.length === 0)
    return [`The sandboxes of ${agent} reach nothing.`, ...deny.map((place) => `  never ${place}`), ...inside];
  return [
    `The sandboxes of ${agent} may reach, where the worker's template lists it too:`,
    ...allow.map((place) => `  ${place}${place in EGRESS_PRESETS ? ` (${EGRESS_PRESETS[place]?.join(', ')})` : ''}`),
    ...deny.map((place) => `  never ${place}`),
    ...inside,
  ];
}
