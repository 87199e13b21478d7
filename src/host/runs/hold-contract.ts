import { joinLabels, SYSTEM_LABEL } from '../../protocol/label.ts';
import type { Contracts } from '../workers/contracts.ts';
import type { RunWriter } from './run-writer.ts';

/** How often a worker that promised too much gets another chance. */
const CHANCES = 1;

/**
 * Before a run that says it is done is believed: true when what was expected is there. A first failure goes back to the
 * model, which goes on; after the second the run ends as failed (see `nextAction`).
 */
export async function contractHolds(writer: RunWriter, contracts: Contracts, signal: AbortSignal): Promise<boolean> {
  const { spec, progress } = writer;
  if (spec.expects.length === 0 || progress.contractHeld) return true;
  const failures = await contracts.check(writer, signal);
  signal.throwIfAborted();
  const checked = { type: 'contract.checked', failures } as const;
  const again = failures.length > 0 && progress.brokenContracts < CHANCES;
  const text = `[Holdfast] Your result was checked and is not there yet:\n${failures.map((one) => `- ${one}`).join('\n')}\nMend it, then answer again. It is checked once more.`;
  const label = joinLabels(progress.label, SYSTEM_LABEL);
  await writer.append([checked, ...(again ? [{ type: 'input.received', source: 'host', text, label } as const] : [])]);
  return failures.length === 0;
}
