import type { WireFormat } from '../protocol/provider.ts';
import type { Conversation } from './conversation.ts';

/** One request as tests want to see it. `outcome` changes while it is answered. */
export interface ReceivedRequest {
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly wire: WireFormat | undefined;
  /** The API key as it arrived. */
  readonly key: string | undefined;
  readonly body: unknown;
  readonly conversation: Conversation | undefined;
  /** `scenario/rule` that answered. */
  readonly rule: string | undefined;
  /** `left`: the client went away before the end. */
  readonly outcome: 'answering' | 'answered' | 'refused' | 'left' | 'broken';
  readonly status: number | undefined;
}

export type RequestEntry = { -readonly [K in keyof ReceivedRequest]: ReceivedRequest[K] };

/** Keeps the newest requests. */
export interface RequestLog {
  readonly entries: readonly ReceivedRequest[];
  add(entry: RequestEntry): RequestEntry;
  clear(): void;
}

export function createRequestLog(keep: number): RequestLog {
  const entries: RequestEntry[] = [];
  return {
    entries,
    add(entry) {
      entries.push(entry);
      if (entries.length > keep) entries.splice(0, entries.length - keep);
      return entry;
    },
    clear: () => entries.splice(0),
  };
}
