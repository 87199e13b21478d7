import type { DatabaseSync } from 'node:sqlite';
import { type EgressRule, EgressRules, rulesOf } from '../../../protocol/egress.ts';
import { HoldfastError } from '../../../protocol/error.ts';
import { checkpoint } from '../../store/database.ts';

/** What each agent's sandboxes may reach, set by its owner alone. An agent without rules reaches nothing. */
export interface OwnerRules {
  of(agent: string): EgressRules;
  /** The same, read once for the many connections that ask. */
  grantOf(agent: string): { readonly allow: readonly EgressRule[]; readonly deny: readonly EgressRule[] };
  put(agent: string, rules: EgressRules): void;
  /** Called after every change. */
  onChange(listener: () => void): void;
}

export function createOwnerRules(database: DatabaseSync): OwnerRules {
  const byAgent = new Map<string, EgressRules>();
  const listeners: (() => void)[] = [];
  for (const row of database.prepare('SELECT agent, rules FROM egress_rules').all())
    byAgent.set(String(row.agent), EgressRules.parse(JSON.parse(String(row.rules))));
  const of = (agent: string): EgressRules => byAgent.get(agent) ?? EgressRules.parse({});
  return {
    of,
    grantOf: (agent) => {
      const { allow, deny } = of(agent);
      return { allow: rulesOf(allow), deny: rulesOf(deny) };
    },
    put: (agent, rules) => {
      checkSpelling(rules);
      database
        .prepare(
          'INSERT INTO egress_rules (agent, rules) VALUES (?, ?) ON CONFLICT (agent) DO UPDATE SET rules = excluded.rules',
        )
        .run(agent, JSON.stringify(rules));
      checkpoint(database);
      byAgent.set(agent, rules);
      for (const listener of listeners) listener();
    },
    onChange: (listener) => void listeners.push(listener),
  };
}

/** A host that the URL parser would write otherwise would never be met: it is refused with the right spelling. */
function checkSpelling(rules: EgressRules): void {
  for (const { host } of rulesOf([...rules.allow, ...rules.deny])) {
    const name = host.replace(/^\*\./, '');
    const text = name.includes(':') ? `[${name}]` : name;
    const canonical = URL.parse(`http://${text}/`)?.hostname;
    if (canonical === text) continue;
    throw new HoldfastError('bad-request', `${text} is not how this host is written.`, {
      remedy: canonical === undefined ? 'Correct it.' : `Write ${canonical}.`,
    });
  }
}
