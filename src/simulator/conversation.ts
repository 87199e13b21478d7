import type { WireFormat } from '../protocol/provider.ts';

/** What a client sent, in one shape for all wire formats. Rules match on this and on nothing else. */
export interface Conversation {
  readonly wire: WireFormat;
  readonly model: string;
  readonly system: string;
  readonly turns: readonly Turn[];
  /** Names of the tools the client offers. */
  readonly tools: readonly string[];
  readonly stream: boolean;
  readonly maxOutputTokens: number | undefined;
  /** `hidden`: reasoned and billed but not sent as text; `off`: the client asked for none, so none is billed. */
  readonly reasoning: 'off' | 'hidden' | 'shown';
  readonly asks: ReadonlySet<Ask>;
  /** Characters of tool descriptions and schemas: vendors bill them as input. */
  readonly toolChars: number;
}

/** Parts of an answer that a vendor sends only on demand. */
export type Ask = 'usage' | 'encrypted-reasoning' | 'cache' | 'store' | 'array';

export interface UserTurn {
  readonly role: 'user';
  readonly text: string;
}
export interface AssistantTurn {
  readonly role: 'assistant';
  readonly text: string;
  readonly calls: readonly { readonly callId: string; readonly tool: string }[];
}
export interface ToolTurn {
  readonly role: 'tool';
  readonly callId: string;
  readonly tool: string;
  readonly text: string;
}
export type Turn = UserTurn | AssistantTurn | ToolTurn;

/** The turns after the last assistant turn: what the model is asked to react to. */
export function newTurns(turns: readonly Turn[]): readonly Turn[] {
  return turns.slice(turns.findLastIndex((turn) => turn.role === 'assistant') + 1);
}

export function lastUserText(turns: readonly Turn[]): string | undefined {
  return turns.findLast((turn) => turn.role === 'user')?.text;
}

/** The newest tool result, of one tool if it is named. */
export function lastToolResult(turns: readonly Turn[], tool?: string): ToolTurn | undefined {
  return turns.findLast((turn): turn is ToolTurn => turn.role === 'tool' && (tool === undefined || turn.tool === tool));
}
