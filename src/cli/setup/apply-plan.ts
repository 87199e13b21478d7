import type { Readable } from 'node:stream';
import { HoldfastError } from '../../protocol/error.ts';
import { DEFAULT_BUDGET } from '../../protocol/vault-api.ts';
import type { CliContext } from '../command.ts';
import { vaultOf } from '../connect.ts';
import { problemLines } from '../load-config.ts';
import { duration } from '../render/units.ts';
import { askSupervisor, supervisorStatus } from '../supervisor/control.ts';
import type { VaultOwner } from '../vault-owner.ts';
import { isLoopback, type ProviderPlan } from './provider-plan.ts';
import { testCall } from './test-call.ts';
import { writeModel } from './write-config.ts';

export interface ApplyOptions {
  readonly plan: ProviderPlan;
  /** Straight from stdin or the prompt to the vault; undefined keeps whatever key is stored. */
  readonly key: Readable | Uint8Array | undefined;
  readonly test: boolean;
}

/**
 * Stores the provider and its key in the vault, proves them with a call, and only then names the model in config.json. When the
 * proof fails, a provider that setup has just added is removed again, so that nothing half-done stays behind.
 */
export async function applyPlan(context: CliContext, { plan, key, test }: ApplyOptions): Promise<void> {
  const { home, print, paint } = context;
  const vault = vaultOf(home);
  const known = (await vault.status()).providers.some((one) => one.id === plan.id);
  try {
    await store(vault, plan, key);
    print(`${paint.green('✓')} ${plan.title} is stored in the vault${key === undefined ? '' : ', with its key'}`);
    await checkPrice(vault, plan);
    if (test) {
      const { durationMs } = await testCall(home.vaultOwnerSocket, plan);
      print(`${paint.green('✓')} ${plan.model} answered a test call ${paint.dim(duration(durationMs))}`);
    }
  } catch (error) {
    if (!known) await forget(vault, plan);
    const failure = HoldfastError.from(error);
    const kept = known ? ` The new settings of "${plan.id}" are stored;` : '';
    throw new HoldfastError(failure.code, `${failure.message}${kept} config.json was not changed.`, {
      remedy: failure.remedy,
      cause: error,
    });
  }
  await setBudget(vault, plan);
  const problems = await writeModel(home, `${plan.id}/${plan.model}`);
  print(`${paint.green('✓')} agents use ${paint.bold(`${plan.id}/${plan.model}`)} (${home.configFile})`);
  if (problems.length > 0) {
    context.warn(
      `${paint.yellow('!')} config.json has problems that were there before; start refuses it until they are mended:`,
    );
    for (const line of problemLines(problems)) context.warn(line);
  }
}

async function store(vault: VaultOwner, plan: ProviderPlan, key: ApplyOptions['key']): Promise<void> {
  const secret = `provider.${plan.id}`;
  if (key !== undefined) await vault.putSecret(secret, key);
  else if (plan.needsKey && !(await vault.listSecrets()).includes(secret))
    throw new HoldfastError('vault.secret-missing', `${plan.title} needs a key, and none is stored.`, {
      remedy: 'Pipe it in: holdfast setup --non-interactive … --api-key-stdin < key-file',
    });
  await vault.putProvider(plan.id, plan.setting);
}

/** Better refused now than at the first message. */
async function checkPrice(vault: VaultOwner, plan: ProviderPlan): Promise<void> {
  if (isLoopback(plan.setting.baseUrl)) return;
  const { price } = await vault.modelFacts(plan.id, plan.model);
  if (price !== null) return;
  throw new HoldfastError('model.unpriced', `The price of "${plan.model}" is not known, so no budget could hold.`, {
    remedy: 'Add --input-price USD --output-price USD, per million tokens.',
  });
}

async function setBudget(vault: VaultOwner, { budget }: ProviderPlan): Promise<void> {
  if (budget.dailyUsd === undefined && budget.monthlyUsd === undefined) return;
  const before = (await vault.listBudgets()).find((one) => one.agent === '*')?.caps ?? DEFAULT_BUDGET;
  await vault.putBudget('*', {
    dailyUsd: budget.dailyUsd === undefined ? before.dailyUsd : budget.dailyUsd,
    monthlyUsd: budget.monthlyUsd === undefined ? before.monthlyUsd : budget.monthlyUsd,
  });
}

async function forget(vault: VaultOwner, plan: ProviderPlan): Promise<void> {
  await vault.deleteProvider(plan.id).catch(() => undefined); // The first failure is the one to report.
  await vault.deleteSecret(`provider.${plan.id}`).catch(() => undefined);
}

/** A running host reads its config again by being restarted; its runs go on where they were. False when none runs. */
export async function refreshHost({ home, print, paint }: CliContext): Promise<boolean> {
  const status = await supervisorStatus(home.supervisorSocket);
  if (!status?.processes.some((one) => one.name === 'host')) return false;
  await askSupervisor(home.supervisorSocket, { do: 'restart', process: 'host' });
  print(`${paint.green('✓')} the running host uses it from now on`);
  return true;
}
