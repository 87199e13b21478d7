import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { HoldfastConfig } from '../../protocol/config.ts';

type ServerConfig = HoldfastConfig['server'];

/**
 * The names this host answers to. A page of a stranger can make a browser send requests here under the stranger's own
 * name (DNS rebinding), so that every name which is not ours is refused. Addresses cannot be rebound: when the owner
 * listens on all interfaces, the addresses of this machine count as ours.
 */
export interface Origins {
  /** `http://127.0.0.1:7420`: what is printed and put into links. */
  readonly url: string;
  /** True when people come over https, through a proxy of the owner's. */
  readonly secure: boolean;
  isHost(host: string | undefined): boolean;
  /** Whether `origin` is the page of our own that is reached as `host`. */
  isOrigin(origin: string, host: string | undefined): boolean;
}

export function createOrigins(server: ServerConfig, port: number): Origins {
  const hosts = new Set(namesOf(server).flatMap((name) => withPort(name, port)));
  const publicUrl = server.publicUrl === undefined ? undefined : new URL(server.publicUrl);
  return {
    url: publicUrl?.origin ?? `http://${bracketed(isWildcard(server.host) ? '127.0.0.1' : server.host)}:${port}`,
    secure: publicUrl?.protocol === 'https:',
    isHost: (host) => {
      const name = host?.toLowerCase();
      return name !== undefined && (hosts.has(name) || name === publicUrl?.host);
    },
    isOrigin: (origin, host) => {
      const name = host?.toLowerCase();
      return (
        origin === `http://${name}` ||
        (publicUrl !== undefined && name === publicUrl.host && origin === publicUrl.origin)
      );
    },
  };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

function namesOf(server: ServerConfig): string[] {
  const own = ['127.0.0.1', 'localhost', '::1', server.host.toLowerCase()];
  if (!isWildcard(server.host)) return own;
  const addresses = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((item) => item.address));
  return [...own, ...addresses];
}

function withPort(name: string, port: number): string[] {
  const host = bracketed(name);
  return port === 80 ? [host, `${host}:80`] : [`${host}:${port}`];
}

function bracketed(name: string): string {
  return isIP(name) === 6 ? `[${name}]` : name;
}
