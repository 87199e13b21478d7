import { isIP } from 'node:net';
import { HoldfastError } from '../../protocol/error.ts';

/** A private address an agent may reach because its owner said so. */
export interface EgressException {
  readonly host: string;
  readonly port: number;
}

export interface Target {
  readonly url: URL;
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
  readonly isLiteral: boolean;
  /** True when the owner allowed this host and port whatever its address is. */
  readonly excepted: boolean;
}

const DEFAULT_PORTS: Record<string, number> = { 'http:': 80, 'https:': 443 };

/**
 * Reads a URL the way the connection will: the WHATWG parser has already folded odd spellings (`0x7f.1`, `2130706433`,
 * full-width digits) into one canonical host, and that very host is what is checked and connected to.
 */
export function readTarget(text: string, exceptions: readonly EgressException[]): Target {
  const url = parse(text);
  const defaultPort = DEFAULT_PORTS[url.protocol];
  if (defaultPort === undefined)
    throw denied(`${url.protocol} addresses cannot be fetched`, 'Only http and https can.');
  if (url.username !== '' || url.password !== '')
    throw denied('the address holds a user name or a password', 'Leave it out.');
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (host === '') throw denied('the address has no host', 'Correct it.');
  const port = url.port === '' ? defaultPort : Number(url.port);
  const excepted = isExcepted({ host, port }, exceptions);
  return { url, host, port, isLiteral: isIP(host) !== 0, excepted };
}

export function denied(reason: string, remedy: string): HoldfastError {
  return new HoldfastError('egress.denied', `Not fetched: ${reason}.`, { remedy });
}

export function privateAddress(host: string, port: number): HoldfastError {
  return denied(
    `${host} is not a public internet address`,
    `If the agent may reach it, its owner can allow it: holdfast vault allow <agent> ${host}:${port}`,
  );
}

export function isExcepted(place: EgressException, exceptions: readonly EgressException[]): boolean {
  return exceptions.some((item) => sameHost(item.host, place.host) && item.port === place.port);
}

function sameHost(a: string, b: string): boolean {
  const plain = (host: string): string =>
    host
      .toLowerCase()
      .replace(/^\[|\]$/g, '')
      .replace(/\.$/, '');
  return plain(a) === plain(b);
}

function parse(text: string): URL {
  const url = URL.parse(text);
  if (url) return url;
  throw new HoldfastError('bad-request', `Not an address: ${JSON.stringify(text.slice(0, 200))}`, {
    remedy: 'Give a full address, e.g. https://example.org/page.',
  });
}
