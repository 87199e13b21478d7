import type { IncomingMessage } from 'node:http';

/** Which door a request came through. `socket` is the host's unix socket: its mode says that it is the owner. */
export type Door = 'tcp' | 'socket';

/** What the guards look at, the same for a request and for the upgrade to a WebSocket. */
export interface RequestFacts {
  readonly door: Door;
  readonly method: string;
  readonly path: string;
  /** Who failures are counted for. */
  readonly address: string;
  /** Each header with all its values joined as Node joins them; names in lower case. */
  header(name: string): string | undefined;
  /** How often the header was sent. */
  count(name: string): number;
}

export function factsOf(request: IncomingMessage, door: Door): RequestFacts {
  return {
    door,
    method: request.method ?? 'GET',
    path: (request.url ?? '/').split('?', 1)[0] ?? '/',
    address: request.socket.remoteAddress ?? 'unknown',
    header: (name) => {
      const value = request.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    count: (name) => request.rawHeaders.filter((item, index) => index % 2 === 0 && item.toLowerCase() === name).length,
  };
}

/** Value of the first cookie of that name. */
export function cookieOf(facts: RequestFacts, name: string): string | undefined {
  for (const pair of (facts.header('cookie') ?? '').split(';')) {
    const [key, value] = pair.trim().split('=', 2);
    if (key === name && value) return value;
  }
  return undefined;
}
