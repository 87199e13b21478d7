import type { Resource } from '../protocol/resource.ts';
import type { Risk } from '../protocol/tool.ts';

/** One call as the gate sees it: who wants which tool, and what the exact arguments would touch. */
export interface GateRequest {
  readonly agentId: string;
  readonly tool: string;
  readonly risk: Risk;
  /** Resolved by the host from the exact arguments and never by the model. */
  readonly resources: readonly Resource[];
  /** The person the run acts for. */
  readonly principal: string;
}
