import type { Clock } from '../../base/clock.ts';
import type { SandboxStatus, StatusView } from '../../protocol/api.ts';
import type { AuditStatus } from '../../protocol/audit.ts';
import type { HoldfastConfig } from '../../protocol/config.ts';
import { chainsOf, modelsOf } from '../../protocol/model-chains.ts';
import { SIMULATOR_PROVIDER, splitModelRef } from '../../protocol/provider.ts';
import type { VaultStatus } from '../../protocol/vault-api.ts';
import type { Agents } from '../agents/agents.ts';
import type { Approvals } from '../approvals/approvals.ts';
import type { BudgetWarnings } from '../budgets/budget-warnings.ts';
import { EVERYTHING, type Frozen, type FrozenSet } from '../freeze/frozen-set.ts';
import type { Journal } from '../journal/journal.ts';
import type { RunStore } from '../runs/run-store.ts';
import type { RunSandboxes } from '../sandboxes/run-sandboxes.ts';
import type { Overdue } from '../supervision/overdue.ts';
import type { Supervision } from '../supervision/supervision.ts';
import type { VaultClient } from '../vault-client/vault-client.ts';

export interface StatusDeps {
  readonly home: string;
  readonly config: HoldfastConfig;
  readonly version: string;
  readonly pid: number;
  readonly url: () => string;
  readonly defaultModel: () => string;
  readonly vault: VaultClient;
  readonly sandboxes: RunSandboxes;
  readonly runs: RunStore;
  readonly approvals: Approvals;
  readonly agents: Agents;
  readonly journal: Journal;
  readonly auditStatus: () => Promise<AuditStatus>;
  readonly frozen: FrozenSet;
  readonly supervision: Supervision;
  readonly clock: Clock;
  readonly budgetWarnings?: Pick<BudgetWarnings, 'current'>;
}

const MOST_OVERDUE = 50;
const VAULT_ANSWERS_WITHIN_MS = 2_000;

/** The state of the whole installation, each problem in one sentence with its remedy. Never throws. */
export function createStatus(deps: StatusDeps): () => Promise<StatusView> {
  const startedAt = deps.clock.now();
  const chains = chainsOf(deps.config);
  return async () => {
    const vault = await deps.vault.status(AbortSignal.timeout(VAULT_ANSWERS_WITHIN_MS)).catch(() => null);
    const model = deps.defaultModel();
    const overdue = (await deps.supervision.overdue()).sort((a, b) => a.deadline - b.deadline);
    const audit = await deps.auditStatus();
    const problems = [
      ...new Set(modelsOf(model, chains).flatMap((ref) => vaultProblems(vault, ref))),
      ...keyProblems(vault),
      ...sandboxProblems(deps.sandboxes),
      ...overdueProblems(overdue, deps.clock.now()),
      ...audit.problems,
      ...deps.frozen.all().map(frozenProblem),
    ];
    return {
      version: deps.version,
      pid: deps.pid,
      startedAt,
      home: deps.home,
      url: deps.url(),
      state: problems.length === 0 ? 'ok' : 'degraded',
      problems,
      budgetWarnings: (await deps.budgetWarnings?.current()) ?? [],
      model,
      simulated: splitModelRef(modelsOf(model, chains)[0] ?? model).provider === SIMULATOR_PROVIDER,
      vault,
      sandbox: sandboxStatus(deps.sandboxes),
      runs: {
        active: await deps.runs.count(['queued', 'running']),
        waiting: await deps.runs.count(['waiting', 'asked']),
      },
      overdue: overdue.slice(0, MOST_OVERDUE),
      pendingApprovals: (await deps.approvals.list('pending')).length,
      agents: (await deps.agents.list()).length,
      lastSeq: await deps.journal.lastSeq(),
      frozen: [...deps.frozen.all()],
      audit: auditSummary(audit),
    };
  };
}

function frozenProblem({ scope, reason, actor, at }: Frozen): string {
  const [what, resume] = scope === EVERYTHING ? ['Everything', ''] : [`The agent ${scope}`, ` --agent ${scope}`];
  return `${what} is frozen since ${new Date(at).toISOString()} (${actor}: ${reason}). To go on: holdfast resume${resume}`;
}

function auditSummary({ rows, unanchored, unanchoredForMs, anchors }: AuditStatus): StatusView['audit'] {
  return { rows, unanchored, unanchoredForMs, outside: anchors.some((anchor) => anchor.outside) };
}

function overdueProblems(overdue: readonly Overdue[], now: number): string[] {
  const [first] = overdue;
  if (first === undefined) return [];
  const others = overdue.length === 1 ? '' : ` ${overdue.length - 1} more are late.`;
  const minutes = Math.max(1, Math.round((now - first.since) / 60_000));
  return [
    `A run of ${first.agentId} (“${first.title}”) waits for ${first.detail} since ${minutes} min.${others} ${first.remedy}`,
  ];
}

function vaultProblems(vault: VaultStatus | null, model: string): string[] {
  if (vault === null)
    return [
      'The vault does not answer, so no model can be reached. Look into `holdfast logs`; `holdfast restart` starts it anew.',
    ];
  if (vault.locked) return ['The vault is locked. Unlock it with `holdfast unlock`.'];
  const { provider } = splitModelRef(model);
  const known = vault.providers.find((candidate) => candidate.id === provider);
  if (known === undefined)
    return [`The model ${model} names the provider ${provider}, which is not set up. Run \`holdfast setup\`.`];
  if (known.needsKey && !known.hasKey)
    return [`The provider ${provider} has no key. Run \`holdfast setup --provider ${provider}\`.`];
  return [];
}

/** Keys that are refused or pay no more. What passes by itself is no problem yet. */
function keyProblems(vault: VaultStatus | null): string[] {
  const lasting = (vault?.keyHealth ?? []).filter(({ class: kind }) => kind === 'auth' || kind === 'billing');
  return lasting.map(({ key, reason, until }) => {
    const time = new Date(until).toISOString().slice(11, 16);
    return `The key ${key} is put aside until ${time} UTC: ${reason} Enter another one, or mend the account.`;
  });
}

function sandboxProblems(sandboxes: RunSandboxes): string[] {
  const { probe } = sandboxes;
  return probe === undefined || probe.available
    ? []
    : [`No sandbox, so workers cannot use files or programs: ${probe.reason} ${probe.remedy}`];
}

function sandboxStatus({ probe, launcher }: RunSandboxes): SandboxStatus {
  if (probe === undefined)
    return { launcher, available: false, probing: true, reason: 'It is being tried out.', remedy: '', limits: {} };
  const { available, reason, remedy, limits } = probe;
  return { launcher, available, reason, remedy, limits: { ...limits } };
}
