import type { SomePermissions } from '../protocol/permission.ts';
import { Floor, type FloorRule, type RuleKind, type RuleSubject } from '../protocol/policy-rule.ts';
import type { Risk } from '../protocol/tool.ts';
import { matchesAny } from './glob.ts';
import { type Named, placeHosts, subjectsOf, touches } from './subject.ts';

/**
 * The deployment's own rules, made once at start. They are asked first and nothing overrides them. Rules that name one
 * thing exactly are found by that name; only those with a star are tried one after the other.
 */
export interface CompiledFloor {
  readonly atMost: SomePermissions;
  /** The rule that refuses this, if there is one. */
  refuses(agentId: string, named: Named): CompiledRule | undefined;
  /** The hosts that it refuses this agent, as globs. */
  refusedHosts(agentId: string): string[];
  /** How many rules it has. */
  readonly size: number;
  /** The rules as they stand in the configuration. */
  readonly texts: readonly string[];
}

export interface CompiledRule {
  readonly subject: RuleSubject;
  /** As it stands in the configuration. */
  readonly text: string;
  readonly agents: readonly string[] | undefined;
  readonly why: string | undefined;
}

interface KindRules {
  readonly exact: Map<string, CompiledRule[]>;
  readonly patterns: CompiledRule[];
}

export function compileFloor(floor: Floor): CompiledFloor {
  const kinds = new Map<RuleKind, KindRules>();
  for (const rule of floor.never.flatMap(compileRule)) {
    const rules: KindRules = kinds.get(rule.subject.kind) ?? { exact: new Map(), patterns: [] };
    kinds.set(rule.subject.kind, rules);
    const { glob, kind } = rule.subject;
    // A path also refuses what holds it, so its name alone does not find it.
    if (glob.includes('*') || kind === 'path') rules.patterns.push(rule);
    else rules.exact.set(glob, [...(rules.exact.get(glob) ?? []), rule]);
  }
  return {
    atMost: floor.atMost,
    size: floor.never.length,
    texts: floor.never.map((rule) => (typeof rule === 'string' ? rule : rule.never)),
    refusedHosts(agentId) {
      const { exact, patterns }: KindRules = kinds.get('host') ?? { exact: new Map(), patterns: [] };
      const rules = [...[...exact.values()].flat(), ...patterns];
      return rules
        .filter(({ agents }) => agents === undefined || matchesAny(agents, agentId))
        .map(({ subject }) => subject.glob);
    },
    refuses(agentId, named) {
      const rules = kinds.get(named.kind);
      if (rules === undefined) return undefined;
      const holds = (rule: CompiledRule): boolean =>
        (rule.agents === undefined || matchesAny(rule.agents, agentId)) && touches(rule.subject, named);
      const wide = named.names.some((name) => name.includes('*'));
      const byName = wide
        ? [...rules.exact.values()].flat()
        : named.names.flatMap((name) => rules.exact.get(name) ?? []);
      return byName.find(holds) ?? rules.patterns.find(holds);
    },
  };
}

export const EMPTY_FLOOR: CompiledFloor = compileFloor(Floor.parse({}));

export const toolNamed = (tool: string): Named => ({ kind: 'tool', act: undefined, names: [tool] });
export const riskNamed = (risk: Risk): Named => ({ kind: 'risk', act: undefined, names: [risk] });

function compileRule(rule: FloorRule): CompiledRule[] {
  const text = typeof rule === 'string' ? rule : rule.never;
  const { agents, why } = typeof rule === 'string' ? {} : rule;
  return subjectsOf([text]).map((subject) => ({ subject, text, agents, why }));
}

/** The places of a sandbox that no rule names, not even in part: a wider place than a refused host goes whole. */
export function placesWithin(floor: CompiledFloor, agentId: string, places: readonly string[]): string[] {
  return places.filter((place) => placeHosts(place).every((named) => floor.refuses(agentId, named) === undefined));
}
