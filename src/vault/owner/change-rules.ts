import type { CredentialParts } from '../../protocol/credential.ts';
import { EgressLimits, type EgressRules } from '../../protocol/egress.ts';
import type { OwnerChange, OwnerPayload, OwnerScope, SealedParts } from '../../protocol/owner-change.ts';
import type { BudgetCaps } from '../../protocol/vault-api.ts';
import type { Limits } from '../budgets/limits.ts';
import type { Credentials } from '../credentials/credentials.ts';
import type { Exceptions } from '../egress/exceptions.ts';
import type { OwnerRules } from '../egress/proxy/owner-rules.ts';
import type { TaskGrants } from '../egress/proxy/task-grants.ts';
import type { Freezes } from '../freeze/freezes.ts';

/**
 * What each kind of change means: which scope a key needs for it, whether it only takes something away (then nobody has
 * to sign it), how it reads, and how it is done. A kind that is not plainly narrower counts as wider.
 */
export interface ChangeDeps {
  readonly credentials: Credentials;
  readonly freezes: Freezes;
  readonly limits: Pick<Limits, 'capsOf' | 'putCaps'>;
  readonly rules: OwnerRules;
  readonly taskGrants: TaskGrants;
  readonly exceptions: Exceptions;
  readonly open: (payload: OwnerPayload, sealed: SealedParts) => CredentialParts;
}

const SCOPES: Readonly<Record<OwnerChange['kind'], OwnerScope>> = {
  'credential.add': 'credentials',
  'credential.rotate': 'credentials',
  'credential.remove': 'credentials',
  'grant.add': 'credentials',
  'grant.remove': 'credentials',
  'budget.put': 'budgets',
  'egress-rules.put': 'egress',
  'egress-task.allow': 'egress',
  'egress-exceptions.put': 'egress',
  freeze: 'freeze',
  unfreeze: 'freeze',
};

export function scopeOf(change: OwnerChange): OwnerScope {
  return SCOPES[change.kind];
}

export function narrows(change: OwnerChange, { limits, rules, taskGrants, exceptions }: ChangeDeps): boolean {
  switch (change.kind) {
    case 'freeze':
    case 'grant.remove':
      return true;
    case 'budget.put':
      return isLower(change.caps, limits.capsOf(change.agent));
    case 'egress-rules.put':
      return isNarrower(change.rules, rules.of(change.agent));
    case 'egress-task.allow':
      return taskGrants.has(change.run, change.agent, change.places);
    case 'egress-exceptions.put':
      return change.exceptions.hosts.every((one) =>
        exceptions.of(change.agent).some(({ host, port }) => host === one.host && port === one.port),
      );
    // To remove a credential takes away more than a right: it cannot be undone.
    case 'credential.add':
    case 'credential.rotate':
    case 'credential.remove':
    case 'grant.add':
    case 'unfreeze':
      return false;
  }
}

function isLower(next: BudgetCaps, now: BudgetCaps): boolean {
  const within = (cap: number | null, limit: number | null): boolean =>
    limit === null || (cap !== null && cap <= limit);
  return within(next.dailyUsd, now.dailyUsd) && within(next.monthlyUsd, now.monthlyUsd);
}

const LIMITS = Object.keys(EgressLimits.shape) as (keyof EgressLimits)[];

function isNarrower(next: EgressRules, now: EgressRules): boolean {
  return (
    next.allow.every((place) => now.allow.includes(place)) &&
    now.deny.every((place) => next.deny.includes(place)) &&
    next.intercept.every((place) => now.intercept.includes(place)) &&
    LIMITS.every((name) => next.limits[name] <= now.limits[name])
  );
}

/** One line for the owner who has to decide. Everything in it was checked by a schema that knows no line breaks. */
export function describe(change: OwnerChange): string {
  switch (change.kind) {
    case 'credential.add': {
      const where = change.facts.places.length === 0 ? '' : `, to be sent to ${change.facts.places.join(', ')}`;
      const who = change.agents.length === 0 ? '' : `, for ${change.agents.join(', ')}`;
      return `add the credential ${change.name} (${change.facts.kind})${where}${who}`;
    }
    case 'credential.rotate':
      return `give the credential ${change.name} a new value`;
    case 'credential.remove':
      return `remove the credential ${change.name}`;
    case 'grant.add':
      return `let ${change.agent} use the credentials ${change.glob}`;
    case 'grant.remove':
      return `take the credentials ${change.glob} from ${change.agent}`;
    case 'budget.put':
      return `set the budget of ${change.agent} to ${JSON.stringify(change.caps)}`;
    case 'egress-rules.put':
      return `let the sandboxes of ${change.agent} reach ${change.rules.allow.join(', ') || 'nothing'}`;
    case 'egress-task.allow':
      return `let the sandbox of ${change.agent}'s run ${change.run} reach ${change.places.join(', ')} until it ends`;
    case 'egress-exceptions.put':
      return `let ${change.agent} fetch from ${change.exceptions.hosts.map(({ host, port }) => `${host}:${port}`).join(', ') || 'no private address'}`;
    case 'freeze':
      return `freeze ${change.agent}`;
    case 'unfreeze':
      return `unfreeze ${change.agent}`;
  }
}

export function apply(payload: OwnerPayload, deps: ChangeDeps): void {
  const { change } = payload;
  const { credentials, freezes } = deps;
  switch (change.kind) {
    case 'credential.add':
      credentials.add(change.name, { facts: change.facts, parts: deps.open(payload, change.sealed) });
      for (const agent of change.agents) credentials.grants.add(agent, change.name);
      return;
    case 'credential.rotate':
      credentials.rotate(change.name, deps.open(payload, change.sealed));
      return;
    case 'credential.remove':
      credentials.remove(change.name);
      return;
    case 'grant.add':
      credentials.grants.add(change.agent, change.glob);
      return;
    case 'grant.remove':
      credentials.grants.remove(change.agent, change.glob);
      return;
    case 'budget.put':
      deps.limits.putCaps(change.agent, change.caps);
      return;
    case 'egress-rules.put':
      deps.rules.put(change.agent, change.rules);
      return;
    case 'egress-task.allow':
      deps.taskGrants.allow(change.run, change.agent, change.places);
      return;
    case 'egress-exceptions.put':
      deps.exceptions.put(change.agent, change.exceptions);
      return;
    case 'freeze':
      freezes.freeze(change.agent, change.reason, 'owner');
      return;
    case 'unfreeze':
      freezes.unfreeze(change.agent);
      return;
  }
}
