import type { IncomingHttpHeaders } from 'node:http';
import type { ErrorShape } from '../../protocol/error.ts';
import type { WireFormat } from '../../protocol/provider.ts';
import type { Loose, Meter, UsageTail } from '../meters/meter.ts';

/**
 * What the proxy must know of one wire format, and no more: how to read a request's size and bounds, where the key goes,
 * and how this format says that something failed.
 */
export interface Wire {
  readonly format: WireFormat;
  readonly meter: Meter;
  /** `body` is the parsed request. Throws `bad-request` with the field's name. */
  readRequest(body: Loose, path: WirePath): RequestFacts;
  /** Header that carries the key. */
  keyHeader(key: string): readonly [name: string, value: string];
  errorBody(status: number, error: ErrorShape): Loose;
  /** The error as the last event of a stream that has begun. */
  errorEvent(error: ErrorShape): string | Buffer;
  /** Streams are frames with checksums: not a byte of them can be replaced. */
  readonly isBinary?: true;
  /** Default: a tail of server-sent events. */
  tail?(): UsageTail;
  /** Default: what begins like server-sent events. */
  startsStream?(chunk: Buffer, headers: IncomingHttpHeaders): boolean;
}

export interface WirePath {
  /** As sent upstream, below the provider's base URL. */
  readonly path: string;
  /** From the path, where the format has them there. */
  readonly model?: string;
  readonly streaming?: boolean;
}

export interface RequestFacts {
  /** First the model asked for, then those the provider may take instead. */
  readonly models: readonly [string, ...string[]];
  readonly streaming: boolean;
  /** Output tokens of one choice; `undefined` when the request sets no limit. */
  readonly maxOutputTokens: number | undefined;
  readonly choices: number;
  /** True when the provider adds input that is not in the body (a stored conversation, a file, a picture by address). */
  readonly hiddenInput: boolean;
  /** Set when the body must be sent changed. */
  readonly newBody?: Buffer;
}
