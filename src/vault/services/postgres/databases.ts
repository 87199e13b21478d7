import { isIP } from 'node:net';
import type { CredentialSource, OpenCredential } from '../credential.ts';
import { isPostgres, type PostgresService, type Services } from '../services.ts';

/** The databases that agents may use, under names that only the vault knows. */
export interface Databases {
  /** What a sandbox of this agent gets: a port on loopback for each. */
  forwardsOf(agent: string): readonly DatabaseForward[];
  /** Whether a name is one of ours, whoever may use it. */
  isName(host: string): boolean;
  /** The database behind a name, with its password, or why this agent does not get it. */
  find(agent: string, host: string): Found;
}

export interface DatabaseForward {
  readonly service: string;
  readonly port: number;
  readonly host: string;
  readonly user: string;
  readonly database: string;
}

export type Found =
  | { readonly kind: 'found'; readonly service: PostgresService; readonly password: string }
  | { readonly kind: 'refused'; readonly reason: string };

const SUFFIX = '.postgres.holdfast';
const FIRST_PORT = 15_432;
const MOST_FORWARDS = 16;

export function createDatabases({
  services,
  credentials,
}: {
  readonly services: Services;
  readonly credentials: CredentialSource;
}): Databases {
  const all = (): readonly PostgresService[] => services.list().filter(isPostgres);
  return {
    forwardsOf: (agent) =>
      all()
        .filter(({ credential: name }) => credentials.resolve({ agent, name }).kind === 'ok')
        .slice(0, MOST_FORWARDS)
        .map(({ name, setting: { user, database } }, index) => ({
          ...{ service: name, port: FIRST_PORT + index, host: `${name}${SUFFIX}`, user, database },
        })),
    isName: (host) => host.endsWith(SUFFIX),
    find: (agent, host) => {
      const service = all().find(({ name }) => `${name}${SUFFIX}` === host);
      if (!service) return { kind: 'refused', reason: `there is no database ${host.slice(0, 64)}` };
      const resolved = credentials.resolve({ agent, name: service.credential });
      if (resolved.kind === 'denied') return { kind: 'refused', reason: `${resolved.reason} ${resolved.unlock}` };
      const password = passwordOf(resolved.credential);
      if (password !== undefined) return { kind: 'found', service, password };
      return { kind: 'refused', reason: `the credential ${service.credential} holds no password` };
    },
  };
}

function passwordOf({ parts }: OpenCredential): string | undefined {
  return parts.password ?? parts.value;
}

export function isLiteralHost(host: string): boolean {
  return isIP(host) !== 0;
}
