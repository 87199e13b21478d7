import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Dispatcher } from 'undici';
import { VERSION } from '../../base/version.ts';
import { matchGlob } from '../../policy/glob.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { FetchHead, FetchHosts } from '../../protocol/vault-api.ts';
import { createPinnedConnector, type ResolveAll } from './pinned-connector.ts';
import { denied, type EgressException, readTarget, type Target } from './target.ts';
import { createUnpacker } from './unpack.ts';

/**
 * One GET to the internet behind the SSRF wall. Every hop of a redirect is read, checked and connected to anew. The size
 * limit counts unpacked bytes and stops the unpacking itself, so a decompression bomb costs no more than the limit.
 */
export interface WebFetchOptions {
  readonly url: string;
  readonly maxBytes: number;
  readonly timeoutMs: number;
  readonly exceptions: readonly EgressException[];
  /** What the agent may reach at all; absent: whatever is public. */
  readonly hosts?: FetchHosts | undefined;
  readonly resolveAll: ResolveAll;
  readonly signal: AbortSignal;
}

export interface WebFetchResult {
  readonly head: FetchHead;
  readonly body: Buffer;
}

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const REQUEST_HEADERS = {
  'user-agent': `holdfast/${VERSION}`,
  accept: 'text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8',
  'accept-encoding': 'gzip, deflate, br',
};

export async function webFetch(options: WebFetchOptions): Promise<WebFetchResult> {
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]);
  try {
    let url = options.url;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
      const target = readTarget(url, options.exceptions);
      checkHost(target, options.hosts);
      const answer = await oneHop(target, { ...options, signal });
      if (typeof answer !== 'string') return answer;
      url = answer;
    }
  } catch (error) {
    throw explain(error, options);
  }
  throw denied(`more than ${MAX_REDIRECTS} redirects`, 'Ask for the final address.');
}

/** A redirect leads nowhere that the agent could not have asked for itself. */
function checkHost({ host }: Target, hosts: FetchHosts | undefined): void {
  if (hosts === undefined) return;
  const named = (globs: readonly string[]): boolean => globs.some((glob) => matchGlob(glob, host));
  if (named(hosts.deny)) throw denied(`the floor of this installation refuses ${host}`, 'Ask for another address.');
  if (hosts.allow === null || named(hosts.allow)) return;
  throw denied(
    `${host} is not in allowed_hosts of the agent`,
    `Add ${host} to allowed_hosts, or ask for another address.`,
  );
}

/** The result, or the address to go on to. */
async function oneHop(target: Target, options: WebFetchOptions): Promise<WebFetchResult | string> {
  const { Agent } = await import('undici');
  const agent = new Agent({
    connect: createPinnedConnector(target, { resolveAll: options.resolveAll, timeoutMs: options.timeoutMs }),
    allowH2: false,
    maxHeaderSize: 32_768,
  });
  try {
    const { origin, pathname, search } = target.url;
    const answer = await agent.request({
      origin,
      path: `${pathname}${search}`,
      method: 'GET',
      headers: REQUEST_HEADERS,
      signal: options.signal,
      headersTimeout: options.timeoutMs,
      bodyTimeout: options.timeoutMs,
    });
    const { location } = answer.headers;
    if (REDIRECTS.has(answer.statusCode) && typeof location === 'string') {
      const next = URL.parse(location, target.url.href);
      if (!next) throw denied(`a redirect to ${JSON.stringify(location.slice(0, 200))}`, 'It is not an address.');
      return next.href;
    }
    return await readAnswer(answer, target, options);
  } finally {
    await agent.destroy();
  }
}

async function readAnswer(
  answer: Dispatcher.ResponseData,
  target: Target,
  options: WebFetchOptions,
): Promise<WebFetchResult> {
  const { body, truncated } = await readLimited(answer, options.maxBytes);
  return {
    head: {
      status: answer.statusCode,
      finalUrl: target.url.href,
      contentType: oneHeader(answer.headers['content-type']) ?? 'application/octet-stream',
      truncated,
    },
    body,
  };
}

async function readLimited(
  answer: Dispatcher.ResponseData,
  maxBytes: number,
): Promise<{ body: Buffer; truncated: boolean }> {
  const encoding = oneHeader(answer.headers['content-encoding']);
  const unpacker = createUnpacker(encoding);
  if (unpacker === null)
    throw new HoldfastError('egress.denied', `Not read: the answer is packed as ${encoding?.slice(0, 40)}.`);
  const chunks: Buffer[] = [];
  let bytes = 0;
  let truncated = false;
  const take = async (source: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of source) {
      const room = maxBytes - bytes;
      chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
      bytes += Math.min(chunk.length, room);
      if (chunk.length <= room) continue;
      truncated = true;
      return;
    }
  };
  const source: Readable = answer.body;
  try {
    if (unpacker) await pipeline(source, unpacker, take);
    else await pipeline(source, take);
  } catch (error) {
    // Stopping early tears the source down; what was read up to the limit is the answer.
    if (!truncated) throw error;
  }
  return { body: Buffer.concat(chunks), truncated };
}

function oneHeader(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function explain(error: unknown, options: WebFetchOptions): HoldfastError {
  if (error instanceof HoldfastError) return error;
  const where = cut(options.url);
  if (options.signal.aborted)
    return new HoldfastError('cancelled', `Fetching ${where} was cancelled.`, { cause: error });
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const name = error instanceof Error ? error.name : '';
  if (name === 'TimeoutError' || code.includes('TIMEOUT'))
    return new HoldfastError('timeout', `${where} did not answer within ${options.timeoutMs} ms.`, {
      retryable: true,
      cause: error,
    });
  return new HoldfastError('tool.failed', `${where} could not be fetched (${code || name || 'unknown error'}).`, {
    remedy: 'Check the address; the server may be down or its name may not exist.',
    retryable: true,
    cause: error,
  });
}

function cut(url: string): string {
  return url.length > 200 ? `${url.slice(0, 200)}…` : url;
}
