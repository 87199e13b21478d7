import type { ApprovalCard } from '../../protocol/decision.ts';
import type { EgressConnection } from '../../protocol/egress.ts';

/** The card of a denial. Everything in it is what the vault saw; the program's own words are cut and plain. */
export function taskCard(
  approvalId: string,
  run: { runId: string; agentId: string },
  denial: EgressConnection,
): ApprovalCard {
  const { host, port, scheme, method, path, ask } = denial;
  const line = method === '' ? `${scheme}, what is inside is not seen` : `${method} ${path}`;
  return {
    title: 'A program of a worker wants to reach a place that is not allowed',
    facts: [
      { name: 'place', value: `${host}:${port}` },
      { name: 'it sent', value: line.replaceAll(/[^\x20-\x7e]/g, ' ').slice(0, 200) },
      { name: 'agent', value: run.agentId },
      { name: 'until', value: 'this task ends' },
      { name: 'opens at once', value: `holdfast approve ${approvalId}` },
    ],
    risk: 'whatever the worker has seen can be sent there; a yes on another surface waits for the owner’s word in a terminal, or for a page with an owner key',
    egress: { runId: run.runId, agentId: run.agentId, place: ask },
  };
}
