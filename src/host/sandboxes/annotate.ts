import type { ToolOutcome } from '../../protocol/tool.ts';
import type { RunWriter } from '../runs/run-writer.ts';
import { withLines } from './egress-doors.ts';
import type { NetworkWatch } from './network-watch.ts';
import type { RunSandboxes } from './run-sandboxes.ts';

export type Annotate = (writer: RunWriter, callId: string, outcome: ToolOutcome) => Promise<ToolOutcome>;

/** The outcome of a tool with what its sandbox did on the network: refusals, cards, places that were opened since. */
export function createAnnotate(sandboxes: Pick<RunSandboxes, 'annotate'>, network: NetworkWatch | undefined): Annotate {
  return async ({ runId, spec }, callId, outcome) => {
    const annotated = await sandboxes.annotate(runId, outcome);
    if (network === undefined || spec.egress === undefined) return annotated;
    const run = { runId, agentId: spec.agentId, sessionId: spec.sessionId, callId };
    // The vault may be down: the outcome says so already, and the next look takes up where this one was to begin.
    const lines = await network.look(run).catch(() => []);
    return { ...annotated, text: withLines(annotated.text, lines) };
  };
}
