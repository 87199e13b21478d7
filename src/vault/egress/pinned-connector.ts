import { lookup as resolve } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import type { SecureContext } from 'node:tls';
import buildConnector from 'undici/lib/core/connect.js';
import { isPublicAddress } from './address.ts';
import { privateAddress, type Target } from './target.ts';

/**
 * Connects to exactly the addresses that were checked. The name is resolved once, every answer must be public (one
 * private answer among public ones refuses the whole name), and the connection is given those answers instead of the
 * name, so that a second, different DNS answer has no effect. A literal address never reaches a `lookup`, so it is checked here.
 */
export type ResolveAll = (host: string) => Promise<readonly { address: string; family: number }[]>;

export const resolveWithSystem: ResolveAll = (host) => resolve(host, { all: true, verbatim: true });

export interface Address {
  readonly address: string;
  readonly family: number;
}

/** The addresses that a connection to this target may use. Throws when one of them is not public and nobody opened it. */
export async function pinnedAddresses(
  target: Pick<Target, 'host' | 'port' | 'isLiteral' | 'excepted'>,
  resolveAll: ResolveAll,
): Promise<readonly Address[]> {
  const { host, port, isLiteral, excepted } = target;
  const answers = isLiteral ? [{ address: host, family: isIP(host) }] : await resolveAll(host);
  const refused = excepted ? undefined : answers.find((answer) => !isPublicAddress(answer.address));
  if (refused || answers.length === 0) throw privateAddress(host, port);
  return answers.map(({ address, family }) => ({ address, family }));
}

export function createPinnedConnector(
  target: Target,
  options: { resolveAll: ResolveAll; timeoutMs: number; secureContext?: SecureContext | undefined },
): buildConnector.connector {
  const pinned: LookupFunction = (host, _settings, callback) => {
    pinnedAddresses({ ...target, host, isLiteral: false }, options.resolveAll).then(
      (answers) => callback(null, [...answers]),
      (error: NodeJS.ErrnoException) => callback(error, []),
    );
  };
  const connect = buildConnector({
    lookup: pinned,
    timeout: options.timeoutMs,
    autoSelectFamily: true,
    allowH2: false,
    ...(options.secureContext === undefined ? {} : { secureContext: options.secureContext }),
  });
  return (request, callback) => {
    if (request.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '') !== target.host) {
      callback(new Error('The connection asked for is not the one that was checked.'), null);
    } else if (target.isLiteral && !target.excepted && !isPublicAddress(target.host)) {
      callback(privateAddress(target.host, target.port), null);
    } else connect(request, callback);
  };
}
