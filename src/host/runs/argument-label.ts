import { isFlowRule } from '../../policy/flow.ts';
import type { Label } from '../../protocol/label.ts';
import type { CallState, Progress } from './progress.ts';

/**
 * The label of a call's arguments: of everything the model had seen when it wrote them. A person who was shown every byte
 * of them, where they go and what may be behind them, and said yes, vouches for them: they are that person's from then
 * on. A standing grant or an exception vouches for nothing, since nobody saw the bytes.
 */
export function argumentLabel(progress: Progress, call: CallState): Label {
  return isVouchedFor(call)
    ? { integrity: call.approvedBy === 'owner' ? 'owner' : 'member', confidentiality: 'internal', origins: [] }
    : progress.batchLabel;
}

function isVouchedFor({ decision, approved }: CallState): boolean {
  if (approved !== 'allowed' || decision?.kind !== 'ask') return false;
  return decision.shows === 'all' && isFlowRule(decision.rule);
}
