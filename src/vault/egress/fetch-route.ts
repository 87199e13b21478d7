import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DatabaseSync } from 'node:sqlite';
import { HoldfastError } from '../../protocol/error.ts';
import { FetchRequest } from '../../protocol/vault-api.ts';
import type { Freezes } from '../freeze/freezes.ts';
import type { LiveCalls } from '../freeze/live-calls.ts';
import { encodeHeader } from '../http/answer.ts';
import { parseJson, readBody } from '../http/body.ts';
import { parseWith } from '../http/parse.ts';
import type { Tripwire } from '../leak/tripwire.ts';
import type { SecretGuard } from '../secret-guard.ts';
import type { Exceptions } from './exceptions.ts';
import type { EgressMeter } from './meter.ts';
import type { ResolveAll } from './pinned-connector.ts';
import { type WebFetchResult, webFetch } from './web-fetch.ts';

/** `POST /fetch`: checks, fetches, keeps one audit row per request, and lets no known secret in or out. */
export interface FetchRoute {
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

export interface FetchRouteDeps {
  readonly database: DatabaseSync;
  readonly exceptions: Exceptions;
  readonly freezes: Freezes;
  readonly tripwire: Tripwire;
  readonly guard: () => SecretGuard;
  readonly resolveAll: ResolveAll;
  readonly meter: EgressMeter;
  readonly live: LiveCalls;
}

const MAX_AT_ONCE = 32;
/** An address, and the names of hosts. */
const REQUEST_BYTES = 4_194_304;

export function createFetchRoute(deps: FetchRouteDeps): FetchRoute {
  const audit = deps.database.prepare(
    'INSERT INTO fetches (agent, run, url, final_url, outcome, status, bytes, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  );
  const record = (wanted: FetchRequest, result: WebFetchResult | HoldfastError): void => {
    const url = redact(deps.guard(), Buffer.from(wanted.url.slice(0, 4_096))).toString('utf8');
    const head = result instanceof HoldfastError ? undefined : result.head;
    const bytes = result instanceof HoldfastError ? 0 : result.body.length;
    const outcome = result instanceof HoldfastError ? result.code : 'fetched';
    audit.run(
      wanted.agent,
      wanted.run ?? null,
      url,
      head?.finalUrl ?? null,
      outcome,
      head?.status ?? null,
      bytes,
      Date.now(),
    );
  };
  let running = 0;
  const fetchOne = async (wanted: FetchRequest, signal: AbortSignal): Promise<WebFetchResult> => {
    deps.freezes.check(wanted.agent);
    const spent = deps.meter.onBytes({ agent: wanted.agent, run: wanted.run, bytes: 0 });
    if (spent !== undefined) throw new HoldfastError('budget.exceeded', `Not fetched: ${spent}`);
    deps.tripwire.check(wanted.agent, 'an address to fetch', Buffer.from(wanted.url));
    checkUrl(deps.guard(), wanted.url);
    if (running >= MAX_AT_ONCE)
      throw new HoldfastError('rate-limited', `${MAX_AT_ONCE} fetches are under way already.`, {
        retryable: true,
        retryAfterMs: 1_000,
      });
    running += 1;
    try {
      return await webFetch({
        ...wanted,
        signal,
        exceptions: deps.exceptions.of(wanted.agent),
        resolveAll: deps.resolveAll,
      });
    } finally {
      running -= 1;
    }
  };
  return {
    handle: async (request, response) => {
      const wanted = parseWith(FetchRequest, parseJson(await readBody(request, REQUEST_BYTES)));
      const controller = new AbortController();
      response.on('close', () => controller.abort());
      deps.live.hold(wanted.agent, response);
      const result = await fetchOne(wanted, controller.signal).catch((error: unknown) => HoldfastError.from(error));
      record(wanted, result);
      if (result instanceof HoldfastError) throw result;
      deps.meter.onBytes({ agent: wanted.agent, run: wanted.run, bytes: result.body.length });
      const body = redact(deps.guard(), result.body);
      response.writeHead(200, {
        'content-type': 'application/octet-stream',
        'content-length': body.length,
        'x-holdfast-fetch': encodeHeader(result.head),
      });
      response.end(body);
    },
  };
}

function redact(guard: SecretGuard, bytes: Buffer): Buffer {
  const scan = guard.scan();
  const clean = scan.push(bytes);
  const rest = scan.flush();
  return rest.length === 0 ? clean : Buffer.concat([clean, rest]);
}

/** An address that carries a known secret would hand it to a stranger. */
function checkUrl(guard: SecretGuard, url: string): void {
  const scan = guard.scan();
  scan.push(Buffer.from(url));
  if (scan.found > 0)
    throw new HoldfastError('egress.denied', 'Not fetched: the address contains a secret of the vault.', {
      remedy: 'Leave it out.',
    });
}
