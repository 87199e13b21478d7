import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { createPinnedConnector, type ResolveAll } from '../egress/pinned-connector.ts';
import type { Target } from '../egress/target.ts';
import type { ClientCertificate, Trust } from '../egress/trust.ts';

/**
 * One request to one checked place, on a connection of its own: to the very addresses that were looked at, over HTTP/1.1,
 * with the server's certificate checked. It follows nothing.
 */
export interface Outbound {
  send(hop: Hop): Promise<HopAnswer>;
}

export interface Hop {
  readonly target: Target;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body?: Uint8Array | undefined;
  readonly client?: ClientCertificate | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface HopAnswer extends AsyncDisposable {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Readable;
}

const HEADER_BYTES = 65_536;

export function createOutbound({ trust, resolveAll }: { trust: Trust; resolveAll: ResolveAll }): Outbound {
  return {
    send: async (hop) => {
      const { Agent } = await import('undici');
      const secureContext = hop.target.url.protocol === 'https:' ? trust.context(hop.client) : undefined;
      const connect = createPinnedConnector(hop.target, { resolveAll, timeoutMs: hop.timeoutMs, secureContext });
      const agent = new Agent({ connect, allowH2: false, maxHeaderSize: HEADER_BYTES });
      try {
        const answer = await agent.request(requestOf(hop));
        const { statusCode: status, headers, body } = answer;
        return { status, headers, body, [Symbol.asyncDispose]: () => agent.destroy() };
      } catch (error) {
        await agent.destroy();
        throw error;
      }
    },
  };
}

function requestOf(hop: Hop): Dispatcher.RequestOptions {
  return {
    origin: hop.target.url.origin,
    path: hop.path,
    method: hop.method as Dispatcher.HttpMethod,
    headers: hop.headers.flat(),
    ...(hop.body === undefined ? {} : { body: Buffer.from(hop.body) }),
    signal: hop.signal,
    headersTimeout: hop.timeoutMs,
    bodyTimeout: hop.timeoutMs,
  };
}
