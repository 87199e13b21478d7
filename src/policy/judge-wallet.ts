import type { Resource } from '../protocol/resource.ts';
import type { GateFacts } from './facts.ts';
import { type Finding, pass, refuse } from './finding.ts';
import { matchGlob } from './glob.ts';

/** Money that cannot be fetched back: every limit must hold, and what is not known counts as too much. */
export function judgeWallet(
  { chain, usd, contract }: Extract<Resource, { kind: 'wallet' }>,
  { permissions, wallet }: GateFacts,
): Finding {
  const deny = (rule: string, why: string, unlock: string): Finding => refuse(`wallet.${rule}`, why, unlock);
  if (!permissions.can_use_wallet)
    return deny('not-granted', 'It may not use the wallet.', 'Turn on can_use_wallet for the agent.');
  if (!permissions.wallet_allowed_chains.some((glob) => matchGlob(glob, chain))) {
    return deny(
      'chain-not-granted',
      `It may not use the chain ${chain}.`,
      `Add ${chain} to wallet_allowed_chains of the agent.`,
    );
  }
  if (contract !== undefined && !permissions.wallet_allowed_contracts.some((glob) => sameContract(glob, contract))) {
    return deny(
      'contract-not-granted',
      `It may not call the contract ${contract}.`,
      `Add ${contract} to wallet_allowed_contracts of the agent.`,
    );
  }
  if (!Number.isFinite(usd) || usd < 0)
    return deny('no-value', 'The value in USD is not known.', 'Try again when a price is known.');
  const { wallet_spend_limit_per_tx_usd: perTx, wallet_spend_limit_daily_usd: daily } = permissions;
  if (usd > perTx)
    return deny(
      'per-transaction',
      `${usd} USD is over ${perTx} USD per transaction.`,
      'Raise wallet_spend_limit_per_tx_usd.',
    );
  if (wallet === undefined) return deny('unknown-use', 'What was spent today is not known.', 'Try again.');
  if (wallet.spentTodayUsd + usd > daily) {
    return deny(
      'daily',
      `${usd} USD on top of ${wallet.spentTodayUsd} USD is over ${daily} USD per day.`,
      'Raise wallet_spend_limit_daily_usd, or wait for the next day.',
    );
  }
  if (wallet.callsLastHour >= permissions.wallet_rate_limit_per_hour) {
    return deny(
      'rate',
      `${wallet.callsLastHour} transactions in the last hour are all it may make.`,
      'Raise wallet_rate_limit_per_hour, or wait.',
    );
  }
  return pass('wallet.granted', `${usd} USD on ${chain} is within every limit.`);
}

const sameContract = (glob: string, contract: string): boolean => matchGlob(glob.toLowerCase(), contract.toLowerCase());
