import type { ErrorInfo } from '../../protocol/event.ts';
import type { ToolDescription } from '../../protocol/tool.ts';
import type { AssistantMessage, StopReason, TranscriptMessage, Usage } from '../../protocol/transcript.ts';

/**
 * One event stream for every provider.
 *
 * Contract: `stream` never throws and never ends without exactly one of `finished`, `failed`, `aborted`, its last event.
 * `finished.message` holds everything the model said, with what the provider attached to it kept verbatim.
 */
export interface Model {
  stream(request: ModelRequest): AsyncIterable<ModelEvent>;
}

export interface ModelRequest {
  /** `provider/model`. */
  readonly model: string;
  readonly agentId: string;
  readonly runId: string;
  /** The task that the run works on; its budget pays too. */
  readonly taskId?: string | undefined;
  /** Unique per attempt; the vault charges by it. */
  readonly callId: string;
  readonly system: string;
  readonly transcript: readonly TranscriptMessage[];
  readonly tools: readonly ToolDescription[];
  readonly maxOutputTokens: number;
  readonly thinking: 'off' | 'low' | 'medium' | 'high';
  readonly signal: AbortSignal;
}

export type ModelEvent =
  | { type: 'text'; delta: string }
  | { type: 'reasoning'; delta: string }
  | { type: 'tool-input'; callId: string; tool: string; delta: string }
  /** The call failed and begins anew with another model, under another id: what came so far is void. */
  | { type: 'restart'; error: ErrorInfo; model: string; callId: string }
  | { type: 'finished'; message: AssistantMessage; stop: StopReason; usage: Usage; cost: ModelCost | undefined }
  | { type: 'failed'; error: ErrorInfo }
  | { type: 'aborted' };

/** From the vault's ledger, not from our own arithmetic. */
export interface ModelCost {
  readonly usd: number;
  readonly estimated: boolean;
}
