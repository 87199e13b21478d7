import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { EgressAsk } from '../../../policy/egress.ts';

/**
 * Where a request to the proxy wants to go, read once and canonically: the URL parser folds every odd spelling of an
 * address into one, and that very host is judged, resolved and connected to. A `Host` that says otherwise is refused, as
 * are the requests that two servers could read differently.
 */
export interface ProxyTarget {
  readonly scheme: 'http' | 'https';
  /** Without brackets and trailing dot. */
  readonly host: string;
  readonly port: number;
  readonly isLiteral: boolean;
  readonly method: string;
  readonly path: string;
  readonly search: string;
}

export const TUNNEL = 'CONNECT';
const AUTHORITY = /^(?:\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9_.-]{1,255}):\d{1,5}$/;
const PRINTABLE = /^[\x21-\x7e]{1,16384}$/;

/** The target of `CONNECT host:port`, or what is wrong with it. */
export function readConnectTarget(request: IncomingMessage): ProxyTarget | string {
  const authority = request.url ?? '';
  if (!AUTHORITY.test(authority)) return 'the request does not name host:port';
  const url = URL.parse(`http://${authority}/`);
  const target = url && toTarget(url, { scheme: 'https', method: TUNNEL });
  if (!target) return 'the request does not name a host';
  if (request.headers['transfer-encoding'] !== undefined || hasBody(request)) return 'a CONNECT request has no body';
  return hostProblem(request, target, false) ?? target;
}

/**
 * The target of `GET http://host/path`, or what is wrong with it. Inside a tunnel (`within`) it is `GET /path`, and must
 * belong to what the tunnel was opened for, in TLS that was looked into too.
 */
export function readForwardTarget(request: IncomingMessage, within?: ProxyTarget): ProxyTarget | string {
  const scheme = within?.scheme ?? 'http';
  const isPath = within !== undefined && request.url?.startsWith('/') === true;
  const text = isPath ? `${scheme}://${placeOf(within)}${request.url}` : (request.url ?? '');
  if (!PRINTABLE.test(text)) return 'the address is not plain text';
  if (scheme === 'http' && /^https:/i.test(text)) return 'https goes through CONNECT';
  if (!new RegExp(`^${scheme}://[^/]`, 'i').test(text))
    return 'this is a proxy: the request must name a whole http:// address';
  const url = URL.parse(text);
  if (!url) return 'the request does not name an address';
  if (url.username !== '' || url.password !== '') return 'the address holds a user name or a password';
  const target = toTarget(url, { scheme, method: request.method ?? '' });
  if (!target) return 'the request does not name a host';
  if (within && (target.host !== within.host || target.port !== within.port))
    return 'the request is not for what the tunnel was opened for';
  return hostProblem(request, target, true) ?? target;
}

export function placeOf({ host, port }: Pick<ProxyTarget, 'host' | 'port'>): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** What is judged: of a tunnel only its end can be seen. */
export function askOf({ scheme, host, port, method, path }: ProxyTarget): EgressAsk {
  return method === TUNNEL ? { scheme, host, port } : { scheme, host, port, method, path };
}

function toTarget(url: URL, { scheme, method }: Pick<ProxyTarget, 'scheme' | 'method'>): ProxyTarget | undefined {
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  if (host === '' || host.startsWith('.') || port === 0) return undefined;
  return { scheme, method, host, port, isLiteral: isIP(host) !== 0, path: url.pathname, search: url.search };
}

function hasBody(request: IncomingMessage): boolean {
  return Number(request.headers['content-length'] ?? 0) !== 0;
}

/** Old clients leave `Host` out of a CONNECT of HTTP/1.0; what is there must say the same as the target. */
function hostProblem(request: IncomingMessage, target: ProxyTarget, isForward: boolean): string | undefined {
  const hosts = request.rawHeaders.filter(
    (_, index, all) => index % 2 === 1 && all[index - 1]?.toLowerCase() === 'host',
  );
  if (hosts.length > 1) return 'the request has more than one Host';
  const [given] = hosts;
  if (given === undefined) return request.httpVersion === '1.0' || !isForward ? undefined : 'the request has no Host';
  const isPlain = /^[\x21-\x7e]{1,300}$/.test(given) && !/[/?#@\\]/.test(given);
  const url = isPlain ? URL.parse(`${isForward ? target.scheme : 'http'}://${given}/`) : null;
  const same = url && toTarget(url, target);
  const hasPort = /:\d+$/.test(given);
  if (same && same.host === target.host && (same.port === target.port || (!isForward && !hasPort))) return undefined;
  return 'the Host is not that of the request';
}
