import type { Logger } from '../../base/logger.ts';
import { describeReach } from '../../policy/egress.ts';
import { type EgressDoor, rulesOf } from '../../protocol/egress.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { joinLabels, type Label } from '../../protocol/label.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import type { VaultEgress } from '../vault-client/vault-egress.ts';

/**
 * The ways out of runs. The vault holds them to the owner's rules whatever is asked for here; the host's part is to ask
 * for no more than the worker's template lists, to close each with its run, and to tell what was refused.
 */
export interface EgressDoors {
  /** What is left of a template's places under the owner's rules, as text for people; empty: no network. */
  reach(agentId: string, places: readonly string[] | undefined): Promise<readonly string[]>;
  /** The run's door; asking again gives the same. */
  open(run: EgressRun): Promise<EgressDoor>;
  /** The outcome of a tool, with what the sandbox was refused meanwhile, and marked when something came in from outside. */
  annotate(runId: string, outcome: ToolOutcome): Promise<ToolOutcome>;
  close(runId: string): Promise<void>;
  /** Closes the doors of runs that are over, which a crash left open. */
  sweep(openRuns: () => Promise<ReadonlySet<string>>): Promise<void>;
}

interface EgressRun {
  readonly runId: string;
  readonly agentId: string;
  readonly places: readonly string[];
}

/** What a sandbox with a network prints may be anybody's text. */
const OUTSIDE: Label = { integrity: 'untrusted', confidentiality: 'public', origins: ['sandbox-network'] };

export function createEgressDoors({ vault, log }: { vault: VaultEgress; log: Logger }): EgressDoors {
  const told = new Map<string, number>();
  const annotate = async (runId: string, outcome: ToolOutcome): Promise<ToolOutcome> => {
    const after = told.get(runId);
    if (after === undefined) return outcome;
    try {
      const { denials, connections, last } = await vault.denials(runId, after);
      told.set(runId, last);
      const label = connections === 0 ? outcome.label : joinLabels(outcome.label, OUTSIDE);
      return { ...outcome, label, text: withLines(outcome.text, [...new Set(denials.map((one) => one.message))]) };
    } catch (thrown) {
      const error = HoldfastError.from(thrown);
      const line = `the network of this sandbox is down, and comes back with the vault: ${error.message}`;
      return { ...outcome, label: joinLabels(outcome.label, OUTSIDE), text: withLines(outcome.text, [line]) };
    }
  };
  return {
    reach: async (agentId, places) => {
      if (places === undefined) return [];
      const { allow, deny } = await vault.rules(agentId);
      return describeReach({ allow: rulesOf(allow), deny: rulesOf(deny), only: rulesOf(places) });
    },
    open: async ({ runId, agentId, places }) => {
      const door = await vault.open({ agent: agentId, run: runId, only: [...places] });
      if (!told.has(runId)) told.set(runId, 0);
      return door;
    },
    annotate,
    close: async (runId) => {
      if (!told.delete(runId)) return;
      // A vault that is down now closes it when its lease ends, or at the next sweep.
      await vault.close(runId).catch((error: unknown) => log.warn('a door stays open for now', { run: runId, error }));
    },
    sweep: async (openRuns) => {
      const doors = await vault.runs();
      const open = await openRuns();
      for (const run of doors) {
        if (!open.has(run)) await vault.close(run);
        else if (!told.has(run)) told.set(run, 0);
      }
    },
  };
}

export function withLines(text: string, lines: readonly string[]): string {
  if (lines.length === 0) return text;
  return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${lines.map((line) => `[${line}]`).join('\n')}`;
}
