import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DatabaseSync } from 'node:sqlite';
import { HoldfastError } from '../../../protocol/error.ts';
import { AgentId } from '../../../protocol/ids.ts';
import { ServiceRequest } from '../../../protocol/service.ts';
import type { EgressMeter } from '../../egress/meter.ts';
import type { Freezes } from '../../freeze/freezes.ts';
import type { LiveCalls } from '../../freeze/live-calls.ts';
import { encodeHeader } from '../../http/answer.ts';
import { parseJson, readBody } from '../../http/body.ts';
import { parseWith } from '../../http/parse.ts';
import type { Tripwire } from '../../leak/tripwire.ts';
import { redact } from './clean-answer.ts';
import { callService, type ServiceAnswer, type ServiceCallDeps } from './service-request.ts';

/** `POST /service-requests`: one request of an agent's through a service or the owner's rules, with a row for each. */
export interface RequestRoute {
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

export interface RequestRouteDeps extends ServiceCallDeps {
  readonly database: DatabaseSync;
  readonly freezes: Freezes;
  readonly tripwire: Tripwire;
  readonly live: LiveCalls;
  readonly meter: EgressMeter;
  readonly now: () => number;
}

const MOST_AT_ONCE = 64;
/** The largest body, written as JSON, and its head. */
const REQUEST_BYTES = 17_825_792;
const KEPT_MS = 30 * 86_400_000;
const SWEEP_EVERY = 200;

export function createRequestRoute(deps: RequestRouteDeps): RequestRoute {
  const record = createRecord(deps);
  let running = 0;
  const answer = async (wanted: ServiceRequest, signal: AbortSignal): Promise<ServiceAnswer> => {
    deps.freezes.check(wanted.agent);
    deps.tripwire.check(wanted.agent, 'a request to a service', Buffer.from(textOf(wanted)));
    refuseSecrets(wanted, deps);
    const spent = deps.meter.onBytes({
      agent: wanted.agent,
      run: wanted.run,
      bytes: Buffer.byteLength(wanted.body ?? ''),
    });
    if (spent !== undefined) throw new HoldfastError('budget.exceeded', `Not sent: ${spent}`);
    if (running >= MOST_AT_ONCE)
      throw new HoldfastError('rate-limited', `${MOST_AT_ONCE} requests are under way already.`, {
        retryable: true,
        retryAfterMs: 1_000,
      });
    running += 1;
    try {
      return await callService(wanted, { ...deps, signal });
    } finally {
      running -= 1;
    }
  };
  return {
    handle: async (request, response) => {
      const wanted = parseWith(ServiceRequest, parseJson(await readBody(request, REQUEST_BYTES)));
      parseWith(AgentId, wanted.agent);
      const controller = new AbortController();
      response.on('close', () => controller.abort());
      deps.live.hold(wanted.agent, response);
      const result = await answer(wanted, controller.signal).catch((error: unknown) => HoldfastError.from(error));
      record(wanted, result);
      if (result instanceof HoldfastError) throw result;
      deps.meter.onBytes({ agent: wanted.agent, run: wanted.run, bytes: result.body.length });
      response.writeHead(200, {
        'content-type': 'application/octet-stream',
        'content-length': result.body.length,
        'x-holdfast-fetch': encodeHeader(result.head),
      });
      response.end(result.body);
    },
  };
}

/** A request that carries a known value instead of its handle would hand it to whoever is asked. */
function refuseSecrets(wanted: ServiceRequest, { guard }: ServiceCallDeps): void {
  if (redact(Buffer.from(textOf(wanted)), [guard()]).found === 0) return;
  throw new HoldfastError('egress.denied', 'Not sent: the request contains a secret of the vault.', {
    remedy: 'Write the handle $CRED{name} instead, or leave it out.',
  });
}

function textOf({ url, headers, body = '' }: ServiceRequest): string {
  return [url, ...Object.entries(headers).flat(), body].join('\n');
}

function createRecord({ database, guard, now }: RequestRouteDeps) {
  const insert = database.prepare(
    `INSERT INTO service_calls (agent, run, method, url, final_url, service, outcome, status, bytes_up, bytes_down, redacted, at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const sweep = database.prepare('DELETE FROM service_calls WHERE at < ?');
  const clean = (url: string): string => redact(Buffer.from(url.slice(0, 4_096)), [guard()]).data.toString('utf8');
  let count = 0;
  return (wanted: ServiceRequest, result: ServiceAnswer | HoldfastError): void => {
    const answer = result instanceof HoldfastError ? undefined : result;
    insert.run(
      wanted.agent,
      wanted.run ?? null,
      wanted.method,
      clean(wanted.url),
      answer ? clean(answer.head.finalUrl) : null,
      answer?.head.service ?? wanted.service ?? null,
      result instanceof HoldfastError ? result.code : 'sent',
      answer?.head.status ?? null,
      Buffer.byteLength(wanted.body ?? ''),
      answer?.body.length ?? 0,
      answer?.head.redacted ?? 0,
      now(),
    );
    count += 1;
    if (count % SWEEP_EVERY === 1) sweep.run(now() - KEPT_MS);
  };
}
