import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { judgeEgress, mayReachBy } from '../../../policy/egress.ts';
import { forwardDatabase } from '../../services/postgres/forward-database.ts';
import { readClientHello } from './client-hello.ts';
import { dial } from './dial.ts';
import { admit, codeOf, type DoorContext, fail, refuse, refuseOdd } from './door-context.ts';
import { refuseSocket } from './refusal.ts';
import { relay } from './relay.ts';
import { askOf, type ProxyTarget, placeOf, readConnectTarget } from './request-target.ts';
import { startTraffic } from './traffic.ts';

/**
 * `CONNECT host:port`: TLS, or plain http that is read like any other. Of TLS, the first message inside must name the very host that was judged; only then
 * is the origin connected to, at the addresses that were checked. What is inside afterwards, HTTP/2 and WebSocket too,
 * belongs to that name. Where the owner lets us look inside, every request in it is judged by itself.
 */
const HELLO_WITHIN_MS = 10_000;
const CONNECT_WITHIN_MS = 15_000;
const ESTABLISHED = 'HTTP/1.1 200 Connection established\r\n\r\n';
/** TLS alerts, so that the program says something better than "connection reset". */
const ACCESS_DENIED = Buffer.from([21, 3, 3, 0, 2, 2, 49]);
const INTERNAL_ERROR = Buffer.from([21, 3, 3, 0, 2, 2, 80]);

export async function tunnel(door: DoorContext, exchange: TunnelExchange): Promise<void> {
  const { request, client, head } = exchange;
  client.on('error', () => client.destroy());
  const target = readConnectTarget(request);
  if (typeof target === 'string') return refuseSocket(client, refuseOdd(door, target));
  if (door.tunnels.has(client)) return refuseSocket(client, refuseOdd(door, 'there is no tunnel in a tunnel'));
  if (door.look.databases.isName(target.host)) return await forwardDatabase(door, target, { client, head });
  const mayBeHttp = mayReachBy('http', target, door.grant());
  const looksInside = door.intercepts(target) && mayReachBy('https', target, door.grant());
  const judgedLater = looksInside || (mayBeHttp && judgeEgress(askOf(target), door.grant()) !== 'allowed');
  const admitted = judgedLater ? undefined : await admit(door, target);
  if (admitted?.kind === 'refused') return refuseSocket(client, admitted);
  client.write(ESTABLISHED);
  const hello = await readHello(client, head);
  if (typeof hello === 'string') return void fail(door, target, hello);
  if (mayBeHttp && isHttp(hello)) {
    door.tunnels.set(client, { ...target, scheme: 'http' });
    client.unshift(hello);
    return exchange.speakHttp(client);
  }
  const problem = admitted || looksInside ? helloProblem(hello, target) : 'https is not allowed there';
  if (problem !== undefined) {
    refuse(door, target, `${placeOf(target)} because ${problem}`);
    client.end(ACCESS_DENIED);
    return;
  }
  if (looksInside) return lookInside(door, target, { client, hello, speakHttp: exchange.speakHttp });
  const { addresses = [] } = admitted ?? {};
  const origin = await dial(target.host, { addresses, port: target.port, timeoutMs: CONNECT_WITHIN_MS }).catch(
    (error: unknown) => fail(door, target, `${placeOf(target)} could not be reached (${codeOf(error)})`),
  );
  if ('kind' in origin) return void client.end(INTERNAL_ERROR);
  const stop = (): void => {
    client.destroy();
    origin.destroy();
  };
  const live = startTraffic(door, target, { stop });
  live.recheck();
  if (live.ended) return;
  if (client.destroyed) return live.failed('the sandbox broke off');
  live.up(hello.length);
  origin.write(hello);
  relay(client, origin, { live });
}

export interface TunnelExchange {
  readonly request: IncomingMessage;
  readonly client: Duplex;
  /** What came after the request already. */
  readonly head: Buffer;
  /** Hands the socket to the reader of plain http. */
  readonly speakHttp: (client: Duplex) => void;
}

/**
 * Ends the sandbox's TLS here, with a certificate of this installation's authority for that very host; what is inside is
 * then read like plain http, and its origin is asked over TLS of our own. HTTP/2 is not offered.
 */
function lookInside(
  door: DoorContext,
  target: ProxyTarget,
  { client, hello, speakHttp }: { client: Duplex; hello: Buffer; speakHttp: (client: Duplex) => void },
): void {
  const secureContext = door.look.authority.contextFor(target.host);
  client.unshift(hello);
  const inside = new TLSSocket(client, { isServer: true, secureContext, ALPNProtocols: ['http/1.1'] });
  const timer = setTimeout(() => inside.destroy(), HELLO_WITHIN_MS);
  let isSecure = false;
  inside.on('error', (error) => {
    if (!isSecure)
      fail(door, target, `the program broke off TLS: it may not believe this installation (${codeOf(error)})`);
    inside.destroy();
  });
  inside.once('close', () => {
    clearTimeout(timer);
    client.destroy();
  });
  inside.once('secure', () => {
    isSecure = true;
    clearTimeout(timer);
    door.tunnels.set(inside, target);
    speakHttp(inside);
  });
}

/** A method in capitals; TLS begins with a byte that is no letter. */
function isHttp(bytes: Buffer): boolean {
  const first = bytes[0] ?? 0;
  return first >= 0x41 && first <= 0x5a;
}

function helloProblem(bytes: Buffer, target: ProxyTarget): string | undefined {
  const hello = readClientHello(bytes);
  if (hello.kind === 'more') return 'its ClientHello is cut short';
  if (hello.kind === 'bad')
    return hello.reason === 'it is not TLS' ? 'only TLS goes through CONNECT there' : hello.reason;
  if (hello.serverName === undefined) return 'its TLS names no server (SNI)';
  if (hello.serverName === target.host) return undefined;
  return `its TLS names another server, ${hello.serverName}`;
}

/** All bytes up to the end of the ClientHello, or as many as show that it is none; a text when the program left. */
function readHello(client: Duplex, head: Buffer): Promise<Buffer | string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [head];
    let size = head.length;
    let needed = 1;
    const finish = (result: Buffer | string): void => {
      clearTimeout(timer);
      client.off('data', take).off('end', left).off('close', left);
      client.pause();
      if (typeof result === 'string') client.destroy();
      resolve(result);
    };
    const look = (): void => {
      if (size < needed) return;
      const bytes = Buffer.concat(chunks);
      const hello = readClientHello(bytes);
      if (hello.kind === 'more') needed = hello.atLeast;
      else finish(bytes);
    };
    const take = (chunk: Buffer): void => {
      chunks.push(chunk);
      size += chunk.length;
      look();
    };
    const left = (): void => finish('the sandbox left before it said whom it wants (no TLS ClientHello)');
    const timer = setTimeout(() => finish('no TLS ClientHello came in time'), HELLO_WITHIN_MS);
    client.on('data', take).once('end', left).once('close', left);
    look();
  });
}
