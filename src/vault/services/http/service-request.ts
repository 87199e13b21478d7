import { judgeEgress } from '../../../policy/egress.ts';
import { handlesIn } from '../../../protocol/credential.ts';
import type { EgressRule } from '../../../protocol/egress.ts';
import { HoldfastError } from '../../../protocol/error.ts';
import type { ServiceRequest, ServiceResponseHead } from '../../../protocol/service.ts';
import { type EgressException, readTarget, type Target } from '../../egress/target.ts';
import { createSecretGuard, type SecretGuard } from '../../secret-guard.ts';
import { type Asked, type Place, placeOfUrl } from '../binding.ts';
import type { Injection, Injector } from '../injector.ts';
import type { HopAnswer, Outbound } from '../outbound.ts';
import type { Outgoing } from '../place-credential.ts';
import { noService, type Services } from '../services.ts';
import type { Tokens } from '../tokens/tokens.ts';
import { cleanAnswer } from './clean-answer.ts';
import { requestHeaders } from './request-headers.ts';

/**
 * One request on an agent's behalf. Every hop of a redirect is read, judged, resolved and connected to anew, and a
 * credential is put in only where this very hop is bound to it: on another origin there is none, and what the agent wrote
 * with a handle in it stays behind. Where neither a service nor the owner's rules lead, nothing is sent.
 */
export interface ServiceCallDeps {
  readonly services: Services;
  readonly injector: Injector;
  readonly tokens: Tokens;
  readonly outbound: Outbound;
  readonly guard: () => SecretGuard;
  /** What the owner lets the agent reach, and never. */
  readonly rules: (agent: string) => { readonly allow: readonly EgressRule[]; readonly deny: readonly EgressRule[] };
  readonly exceptions: (agent: string) => readonly EgressException[];
}

export interface ServiceAnswer {
  readonly head: ServiceResponseHead;
  readonly body: Buffer;
}

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

interface Hop {
  readonly url: string;
  readonly method: string;
  readonly headers: Outgoing['headers'];
  readonly body: Buffer | undefined;
  /** The service that the agent named; only at its own origin. */
  readonly service: string | undefined;
  /** The address is the agent's own; that of a redirect is a stranger's, and a handle in it means nothing. */
  readonly first: boolean;
}

export async function callService(
  wanted: ServiceRequest,
  { signal, ...deps }: ServiceCallDeps & { signal: AbortSignal },
): Promise<ServiceAnswer> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(wanted.timeoutMs)]);
  let hop: Hop = {
    url: addressOf(wanted, deps.services),
    method: wanted.method,
    headers: requestHeaders(wanted.headers),
    body: wanted.body === undefined ? undefined : Buffer.from(wanted.body),
    service: wanted.service,
    first: true,
  };
  for (let count = 0; count <= MAX_REDIRECTS; count += 1) {
    const done = await oneHop(wanted, hop, { ...deps, signal: limit });
    if ('head' in done) return done;
    hop = done;
  }
  throw refusal(`more than ${MAX_REDIRECTS} redirects`, 'Ask for the final address.');
}

/** With a service the address is a path below its base, or a whole address below it. */
function addressOf({ service: name, url }: ServiceRequest, services: Services): string {
  const service = name === undefined ? undefined : services.get(name);
  if (name !== undefined && service?.setting.kind !== 'http') throw noService(name);
  if (service?.setting.kind !== 'http' || !url.startsWith('/')) return url;
  return `${service.setting.baseUrl.replace(/\/+$/, '')}${url}`;
}

type HopDeps = ServiceCallDeps & { readonly signal: AbortSignal };

async function oneHop(wanted: ServiceRequest, hop: Hop, deps: HopDeps): Promise<ServiceAnswer | Hop> {
  const target = readTarget(hop.url, deps.exceptions(wanted.agent));
  if (hop.first && handlesIn(decoded(target.url.pathname)).length > 0)
    throw refusal('a handle stands in the path', 'It may stand in a header, in the query or in the body.');
  const asked: Asked = { ...placeOfUrl(target.url), method: hop.method, path: target.url.pathname };
  const request = {
    method: hop.method,
    path: asked.path,
    search: target.url.search,
    headers: hop.headers,
    body: hop.body,
  };
  const injection = await deps.injector.inject({
    ...{ agent: wanted.agent, asked, request, service: hop.service },
    handles: hop.first ? 'everywhere' : 'not-in-query',
  });
  if (injection.kind === 'refused') throw refusal(injection.reason, injection.unlock);
  judge(wanted.agent, asked, { injection, deps });
  const answer = await sendHop(wanted, target, { injection, request, deps });
  await using _ = answer;
  if (answer.status === 401 && injection.kind === 'placed')
    for (const name of injection.credentials) deps.tokens.forget(name);
  const next = nextHop(answer, { hop, target, agent: wanted.agent, deps });
  if (next) return next;
  const secrets = injection.kind === 'placed' ? injection.secrets : [];
  // What belongs together is taken out whole before its parts are.
  const guards = [createSecretGuard(secrets), deps.guard()];
  const clean = await cleanAnswer(answer, { guards, maxBytes: wanted.maxBytes });
  return {
    body: clean.body,
    head: {
      ...{ status: answer.status, finalUrl: target.url.href, truncated: clean.truncated, headers: clean.headers },
      contentType: clean.headers['content-type'] ?? 'application/octet-stream',
      service: injection.kind === 'placed' ? injection.by : null,
      redacted: clean.redacted,
    },
  };
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path; // Not percent-encoding: it is what it is.
  }
}

/** A deny of the owner's beats a service; where no credential goes, the rules must name the place. */
function judge(
  agent: string,
  asked: Asked,
  { injection, deps }: { injection: Injection; deps: ServiceCallDeps },
): void {
  const { allow, deny } = deps.rules(agent);
  const verdict = judgeEgress(asked, { allow, deny });
  if (verdict === 'allowed' || (verdict === 'not-allowed' && injection.kind === 'placed')) return;
  const place = `${asked.host.includes(':') ? `[${asked.host}]` : asked.host}:${asked.port}`;
  throw refusal(
    `${place} is ${verdict === 'denied' ? 'denied to' : 'neither a service nor an allowed place of'} ${agent}`,
    `The owner can allow it: holdfast vault egress ${agent} allow ${place}`,
  );
}

async function sendHop(
  wanted: ServiceRequest,
  target: Target,
  { injection, request, deps }: { injection: Injection; request: Outgoing; deps: HopDeps },
): Promise<HopAnswer> {
  const out = injection.kind === 'placed' ? injection.request : request;
  try {
    return await deps.outbound.send({
      ...{ target, method: out.method, path: `${out.path}${out.search}`, headers: out.headers, body: out.body },
      client: injection.kind === 'placed' ? injection.client : undefined,
      ...{ timeoutMs: wanted.timeoutMs, signal: deps.signal },
    });
  } catch (error) {
    throw explain(error, target, deps.signal);
  }
}

/** Where a redirect leads, if it leads where this agent may go; else the redirect itself is the answer. */
function nextHop(
  answer: HopAnswer,
  { hop, target, agent, deps }: { hop: Hop; target: Target; agent: string; deps: ServiceCallDeps },
): Hop | undefined {
  const { location } = answer.headers;
  if (!REDIRECTS.has(answer.status) || typeof location !== 'string') return undefined;
  const url = URL.parse(location, target.url.href);
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) return undefined;
  const same = url.origin === target.url.origin;
  const toGet = answer.status === 303 ? hop.method !== 'HEAD' : answer.status < 303 && hop.method === 'POST';
  const method = toGet ? 'GET' : hop.method;
  // What was sent in a body may hold a credential, and is never sent to somebody else.
  if (!same && !toGet && hop.body !== undefined) return undefined;
  const place = placeOfUrl(url);
  if (!same && !mayGo(agent, { ...place, method, path: url.pathname }, deps)) return undefined;
  return {
    ...{ url: url.href, method, body: toGet ? undefined : hop.body, first: false },
    headers: same ? hop.headers : hop.headers.filter(([name, value]) => isHarmless(name, value)),
    service: same ? hop.service : undefined,
  };
}

function mayGo(agent: string, asked: Asked, deps: ServiceCallDeps): boolean {
  const verdict = judgeEgress(asked, deps.rules(agent));
  return (
    verdict === 'allowed' ||
    (verdict === 'not-allowed' && deps.injector.offered(agent, asked satisfies Place).length > 0)
  );
}

const KEPT_ON_ANOTHER_ORIGIN = ['accept', 'accept-language', 'accept-encoding', 'user-agent'];

function isHarmless(name: string, value: string): boolean {
  return KEPT_ON_ANOTHER_ORIGIN.includes(name.toLowerCase()) && !value.includes('$CRED{');
}

function refusal(reason: string, remedy: string): HoldfastError {
  return new HoldfastError('egress.denied', `Not sent: ${reason}${reason.endsWith('.') ? '' : '.'}`, { remedy });
}

function explain(error: unknown, target: Target, signal: AbortSignal): HoldfastError {
  if (error instanceof HoldfastError) return error;
  const reason: unknown = signal.aborted ? signal.reason : error;
  const name = reason instanceof Error ? reason.name : '';
  const code = reason instanceof Error && 'code' in reason ? String(reason.code) : name;
  if (name === 'TimeoutError' || code.includes('TIMEOUT'))
    return new HoldfastError('timeout', `${target.url.host} did not answer in time.`, {
      retryable: true,
      cause: error,
    });
  if (signal.aborted) return new HoldfastError('cancelled', 'The request was cancelled.', { cause: error });
  return new HoldfastError('tool.failed', `${target.url.host} could not be asked (${code || 'unknown error'}).`, {
    remedy:
      code.includes('CERT') || code.includes('SELF_SIGNED')
        ? 'If its certificate is of an authority of yours: holdfast vault trust <name> <file>'
        : 'Check the address; the server may be down or its name may not exist.',
    retryable: true,
    cause: error,
  });
}
