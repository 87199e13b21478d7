import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { request as httpRequest } from '../../../base/http.ts';
import { createSecretGuard, type SecretGuard } from '../../secret-guard.ts';
import { encodingsOf, unpacked } from '../../services/http/clean-answer.ts';
import type { Outgoing } from '../../services/place-credential.ts';
import { cleanHeaders, cleanStream, isBodiless } from './clean-stream.ts';
import { codeOf, type DoorContext, refuseOdd } from './door-context.ts';
import { endToEndHeaders } from './headers.ts';
import { type Reached, reach } from './reach.ts';
import { refuseResponse } from './refusal.ts';
import { type ProxyTarget, placeOf, readForwardTarget } from './request-target.ts';
import { type Live, startTraffic } from './traffic.ts';

/**
 * `GET http://host/path`, and what comes inside TLS that is looked into: the request is read whole by a strict parser and
 * written anew, never passed on as bytes, so the origin sees one request with the length, the host and the path that were
 * judged. Every request gets a connection of its own. Redirects are the program's business: where they lead is judged like
 * anything else. Where a credential may have gone along, the answer is unpacked and every known secret taken out.
 */
export async function forward(door: DoorContext, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (door.look.models.serve(door, request, response)) return;
  const target = readForwardTarget(request, door.tunnels.get(request.socket));
  if (typeof target === 'string') return refuseResponse(response, refuseOdd(door, target));
  const framing = framingOf(request);
  if (framing === undefined) return refuseResponse(response, refuseOdd(door, 'the length of the body is not clear'));
  lookAtHead(door, request);
  const asked = [...endToEndHeaders(request, ['host', 'content-length']), ...framing];
  const reached = await reach(door, target, pairsOf(asked));
  if (reached.kind === 'refused') return refuseResponse(response, reached);
  const guards = guardsFor(door, target, reached);
  const { origin, service } = reached;
  const stop = (): void => {
    origin.destroy();
    if (response.headersSent) response.destroy();
  };
  const live = startTraffic(door, target, { stop, service });
  try {
    exchange({ live, outgoing: send(reached, target, guards), request, response, guards });
  } catch (error) {
    live.failed(`the request cannot be written (${codeOf(error)})`);
    refuseResponse(response, { kind: 'refused', status: 400, message: 'the request cannot be passed on' });
  }
}

/** The address and the headers, with a break between them, as one watcher of their own. */
export function lookAtHead(door: DoorContext, { url = '', rawHeaders }: IncomingMessage): void {
  door.watch()(Buffer.from([url, ...rawHeaders].join('\n'), 'latin1'));
}

/** The guards of an answer that is looked through; undefined: its bytes go on as they are. */
export function guardsFor(
  door: DoorContext,
  { scheme }: ProxyTarget,
  { service, secrets }: Reached,
): readonly SecretGuard[] | undefined {
  if (scheme === 'http' && service === '') return undefined;
  return [door.look.guard(), createSecretGuard(secrets)];
}

export function pairsOf(raw: readonly string[]): Outgoing['headers'] {
  return raw.flatMap((name, index) => (index % 2 === 0 ? [[name, raw[index + 1] ?? ''] as const] : []));
}

function send(reached: Reached, target: ProxyTarget, guards: readonly SecretGuard[] | undefined): ClientRequest {
  const { headers } = reached.request;
  // What comes back must be readable; unpacked from the start costs us nothing.
  const kept = guards ? headers.filter(([name]) => name.toLowerCase() !== 'accept-encoding') : headers;
  const ours = guards ? ['Accept-Encoding', 'identity'] : [];
  return write(reached.origin, reached.request, [
    'Host',
    hostOf(target),
    ...kept.flat(),
    ...ours,
    'Connection',
    'close',
  ]);
}

export function write(origin: Socket, { method, path, search }: Outgoing, headers: string[]): ClientRequest {
  return httpRequest({
    // Without any `agent`: with one, even `false`, Node would make a connection of its own.
    createConnection: () => origin,
    ...{ method, path: `${path}${search}`, headers },
    setHost: false,
    maxHeaderSize: 65_536,
  });
}

const DEFAULT_PORTS = { http: 80, https: 443 } as const;

export function hostOf({ scheme, host, port }: ProxyTarget): string {
  const place = placeOf({ host, port });
  return port === DEFAULT_PORTS[scheme] ? place.slice(0, place.lastIndexOf(':')) : place;
}

/** The header that says how long the body is; empty when there is none, `undefined` when two could disagree. */
function framingOf({ headers }: IncomingMessage): string[] | undefined {
  const encoding = headers['transfer-encoding'];
  const length = headers['content-length'];
  if (encoding !== undefined)
    return length === undefined && encoding.toLowerCase() === 'chunked' ? ['Transfer-Encoding', 'chunked'] : undefined;
  return length === undefined ? [] : ['Content-Length', length];
}

interface Exchange {
  readonly live: Live;
  readonly outgoing: ClientRequest;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly guards: readonly SecretGuard[] | undefined;
}

function exchange({ live, outgoing, request, response, guards }: Exchange): void {
  const fell = (error: unknown): void => {
    live.failed(`the exchange broke off (${codeOf(error)})`);
    const message = `the other side broke off or did not answer in HTTP (${codeOf(error)})`;
    refuseResponse(response, { kind: 'refused', status: 502, message });
  };
  request.on('data', (chunk: Buffer) => live.look(chunk));
  request.on('data', (chunk: Buffer) => live.up(chunk.length));
  request.on('error', fell);
  response.on('error', fell);
  const client = request.socket;
  const left = (): void => {
    live.failed('the sandbox broke off');
    outgoing.destroy();
  };
  // An answer that waits behind another one on this connection is not told that the connection is gone.
  client.once('close', left);
  response.on('close', () => {
    client.off('close', left);
    if (response.writableFinished) outgoing.destroy();
    else left();
  });
  if (client.destroyed) left();
  outgoing.on('error', fell);
  outgoing.on('upgrade', (_answer, socket) => {
    socket.destroy();
    fell(new Error('it changed the protocol without being asked'));
  });
  outgoing.on('response', (answer) => {
    answer.on('data', (chunk: Buffer) => live.down(chunk.length));
    answer.on('error', fell);
    // What is unpacked goes on after the origin has ended.
    if (!guards) answer.on('end', () => live.done());
    try {
      if (guards) passClean(answer, { response, guards, method: request.method, fell, live });
      else {
        response.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', endToEndHeaders(answer));
        answer.pipe(response);
      }
    } catch (error) {
      answer.destroy();
      fell(error);
    }
  });
  request.pipe(outgoing);
}

interface CleanPass {
  readonly response: ServerResponse;
  readonly guards: readonly SecretGuard[];
  readonly method: string | undefined;
  readonly fell: (error: unknown) => void;
  readonly live: Live;
}

/** The answer without any known secret. Its length is not that of the origin any more, so none is told. */
function passClean(answer: IncomingMessage, { response, guards, method, fell, live }: CleanPass): void {
  const empty = isBodiless(method, answer);
  const dropped = empty ? [] : ['content-length', 'content-encoding'];
  const body: Readable | undefined = empty
    ? undefined
    : unpacked(answer, encodingsOf(answer.headers['content-encoding']));
  const status = redactedStatus(answer, guards);
  response.writeHead(answer.statusCode ?? 502, status, cleanHeaders(endToEndHeaders(answer, dropped), guards));
  if (body === undefined) {
    answer.resume().on('end', () => live.done());
    response.end();
    return;
  }
  body.on('error', fell);
  // A small packed answer may be a huge one: what it unpacks to counts, too.
  if (body !== answer) body.on('data', (chunk: Buffer) => live.down(chunk.length));
  const clean = cleanStream(guards);
  clean.on('error', fell).on('end', () => live.done());
  body.pipe(clean).pipe(response);
}

function redactedStatus({ statusMessage = '' }: IncomingMessage, guards: readonly SecretGuard[]): string {
  return cleanHeaders(['', statusMessage], guards)[1] ?? '';
}
