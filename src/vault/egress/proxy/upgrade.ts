import { createHash } from 'node:crypto';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecretGuard } from '../../secret-guard.ts';
import { cleanHeaders, watch } from './clean-stream.ts';
import { codeOf, type DoorContext, refuseOdd } from './door-context.ts';
import { guardsFor, hostOf, lookAtHead, pairsOf, write } from './forward.ts';
import { endToEndHeaders } from './headers.ts';
import { reach } from './reach.ts';
import { refuseSocket } from './refusal.ts';
import { relay } from './relay.ts';
import { readForwardTarget } from './request-target.ts';
import { type Live, startTraffic } from './traffic.ts';
import type { TunnelExchange } from './tunnel.ts';

/**
 * A WebSocket over plain http, or in TLS that is looked into. The bytes flow freely only after the origin proved, with the accept value of this very
 * handshake, that it speaks WebSocket: an origin that goes on reading HTTP could otherwise be asked for other paths.
 */
const EXTENSIONS = 'sec-websocket-extensions';
const MAGIC = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export async function upgrade(
  door: DoorContext,
  { request, client, head }: Pick<TunnelExchange, 'request' | 'client' | 'head'>,
): Promise<void> {
  client.on('error', () => client.destroy());
  const odd = handshakeProblem(request, head);
  const target = odd ?? readForwardTarget(request, door.tunnels.get(client));
  if (typeof target === 'string') return refuseSocket(client, refuseOdd(door, target));
  lookAtHead(door, request);
  const asked = endToEndHeaders(request, ['host', 'content-length']);
  const reached = await reach(door, target, pairsOf(asked));
  if (reached.kind === 'refused') return refuseSocket(client, reached);
  const { origin, service } = reached;
  const stop = (): void => {
    origin.destroy();
    client.destroy();
  };
  const live = startTraffic(door, target, { stop, service });
  const guards = guardsFor(door, target, reached);
  // Compressed frames could not be looked through.
  const kept = reached.request.headers.filter(([name]) => guards === undefined || name.toLowerCase() !== EXTENSIONS);
  try {
    const headers = ['Host', hostOf(target), ...kept.flat(), 'Connection', 'Upgrade', 'Upgrade', 'websocket'];
    const outgoing = write(origin, reached.request, headers);
    shakeHands(outgoing, { live, client, guards, key: String(request.headers['sec-websocket-key']) });
    outgoing.end();
  } catch (error) {
    refuseSocket(client, refuseOdd(door, `the request cannot be passed on (${codeOf(error)})`));
    live.done();
    origin.destroy();
  }
}

function handshakeProblem(request: IncomingMessage, head: Buffer): string | undefined {
  const { headers } = request;
  if (headers.upgrade?.toLowerCase() !== 'websocket' || request.method !== 'GET')
    return 'only WebSocket may be upgraded to';
  if (!/^[A-Za-z0-9+/]{22}==$/.test(String(headers['sec-websocket-key']))) return 'the WebSocket key is missing';
  const body = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
  return body || head.length > 0 ? 'a WebSocket handshake has no body' : undefined;
}

interface Handshake {
  readonly live: Live;
  readonly client: Duplex;
  readonly key: string;
  readonly guards: readonly SecretGuard[] | undefined;
}

function shakeHands(outgoing: ClientRequest, { live, client, key, guards }: Handshake): void {
  const fell = (reason: string): void => {
    refuseSocket(client, { status: 502, message: reason });
    live.failed(reason);
  };
  const left = (): void => live.failed('the sandbox broke off');
  client.once('close', left);
  if (client.destroyed) left();
  outgoing.on('error', (error) => fell(`the other side broke off (${codeOf(error)})`));
  outgoing.on('response', (answer) => {
    answer.resume();
    fell(`the other side refused the WebSocket with status ${answer.statusCode}`);
  });
  outgoing.on('upgrade', (answer: IncomingMessage, origin: Socket, first: Buffer) => {
    const proof = createHash('sha1').update(`${key}${MAGIC}`).digest('base64');
    if (answer.headers['sec-websocket-accept'] !== proof || answer.headers.upgrade?.toLowerCase() !== 'websocket')
      return fell('the other side does not speak WebSocket');
    client.off('close', left);
    client.write(headOf(answer, guards ?? []));
    if (first.length > 0) origin.unshift(first);
    relay(client, origin, { live, ...(guards ? { leaks: watch(guards) } : {}) });
  });
}

function headOf(answer: IncomingMessage, guards: readonly SecretGuard[]): string {
  const kept = cleanHeaders(endToEndHeaders(answer, ['content-length']), guards);
  const lines = kept.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${kept[index + 1]}`] : []));
  return ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', ...lines, '', ''].join(
    '\r\n',
  );
}
