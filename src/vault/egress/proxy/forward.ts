import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { request as httpRequest } from '../../../base/http.ts';
import { dial } from './dial.ts';
import { admit, codeOf, type DoorContext, fail, refuseOdd } from './door-context.ts';
import { endToEndHeaders } from './headers.ts';
import { refuseResponse } from './refusal.ts';
import { type ProxyTarget, placeOf, readForwardTarget } from './request-target.ts';
import { type Live, startTraffic } from './traffic.ts';

/**
 * `GET http://host/path`: the request is read whole by a strict parser and written anew, never passed on as bytes, so the
 * origin sees one request with the length, the host and the path that were judged. Every request gets a connection of
 * its own. Redirects are the program's business: where they lead is judged like anything else.
 */
const CONNECT_WITHIN_MS = 15_000;

export async function forward(door: DoorContext, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const target = readForwardTarget(request, door.tunnels.get(request.socket));
  if (typeof target === 'string') return refuseResponse(response, refuseOdd(door, target));
  const framing = framingOf(request);
  if (framing === undefined) return refuseResponse(response, refuseOdd(door, 'the length of the body is not clear'));
  lookAtHead(door, request);
  const origin = await reach(door, target);
  if ('kind' in origin) return refuseResponse(response, origin);
  const live = startTraffic(door, target, () => {
    origin.destroy();
    if (response.headersSent) response.destroy();
  });
  const headers = ['Host', hostOf(target), ...endToEndHeaders(request, ['host', 'content-length']), ...framing];
  try {
    const outgoing = send(origin, target, [...headers, 'Connection', 'close']);
    exchange({ live, outgoing, request, response });
  } catch (error) {
    live.failed(`the request cannot be written (${codeOf(error)})`);
    refuseResponse(response, { kind: 'refused', status: 400, message: 'the request cannot be passed on' });
  }
}

/** The address and the headers, with a break between them, as one watcher of their own. */
export function lookAtHead(door: DoorContext, { url = '', rawHeaders }: IncomingMessage): void {
  door.watch()(Buffer.from([url, ...rawHeaders].join('\n'), 'latin1'));
}

/** Judges, resolves and connects; whatever refuses has its row. */
export async function reach(door: DoorContext, target: ProxyTarget) {
  const admitted = await admit(door, target);
  if (admitted.kind === 'refused') return admitted;
  const { addresses } = admitted;
  return await dial(target.host, { addresses, port: target.port, timeoutMs: CONNECT_WITHIN_MS }).catch(
    (error: unknown) => fail(door, target, `${placeOf(target)} could not be reached (${codeOf(error)})`),
  );
}

export function send(origin: Socket, target: ProxyTarget, headers: string[]): ClientRequest {
  return httpRequest({
    // Without any `agent`: with one, even `false`, Node would make a connection of its own.
    createConnection: () => origin,
    method: target.method,
    path: `${target.path}${target.search}`,
    headers,
    setHost: false,
    maxHeaderSize: 65_536,
  });
}

export function hostOf({ host, port }: ProxyTarget): string {
  return port === 80 ? placeOf({ host, port }).replace(/:80$/, '') : placeOf({ host, port });
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
}

function exchange({ live, outgoing, request, response }: Exchange): void {
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
    answer.on('end', () => live.done());
    try {
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', endToEndHeaders(answer));
      answer.pipe(response);
    } catch (error) {
      answer.destroy();
      fell(error);
    }
  });
  request.pipe(outgoing);
}
