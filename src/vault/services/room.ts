import type { DatabaseSync } from 'node:sqlite';
import { handleOf } from '../../protocol/credential.ts';
import type { EgressRule } from '../../protocol/egress.ts';
import type { ServiceOffer } from '../../protocol/service.ts';
import type { EgressMeter } from '../egress/meter.ts';
import type { ResolveAll } from '../egress/pinned-connector.ts';
import type { EgressException } from '../egress/target.ts';
import type { Trust } from '../egress/trust.ts';
import type { Freezes } from '../freeze/freezes.ts';
import type { LiveCalls } from '../freeze/live-calls.ts';
import type { Tripwire } from '../leak/tripwire.ts';
import type { SecretGuard } from '../secret-guard.ts';
import type { CredentialSource } from './credential.ts';
import { createRequestRoute, type RequestRoute } from './http/request-route.ts';
import { createInjector, type Injector } from './injector.ts';
import { createOutbound } from './outbound.ts';
import { createDatabases, type Databases } from './postgres/databases.ts';
import { createServices, isHttp, type NamedService, type Services } from './services.ts';
import { createOAuthLogins, type OAuthLogins } from './tokens/oauth-login.ts';
import { createTokenEndpoint } from './tokens/token-endpoint.ts';
import { createTokens, type Tokens } from './tokens/tokens.ts';

/** The API proxy, whole: services, what their credentials turn into, and the requests that use them. */
export interface ServicesRoom {
  readonly services: Services;
  readonly credentials: CredentialSource;
  readonly injector: Injector;
  readonly tokens: Tokens;
  readonly logins: OAuthLogins;
  readonly requests: RequestRoute;
  readonly databases: Databases;
  /** What this agent may use now. */
  offers(agent: string): readonly ServiceOffer[];
}

export interface ServicesRoomDeps {
  readonly database: DatabaseSync;
  readonly credentials: CredentialSource;
  readonly trust: Trust;
  readonly freezes: Freezes;
  readonly tripwire: Tripwire;
  readonly live: LiveCalls;
  readonly meter: EgressMeter;
  readonly guard: () => SecretGuard;
  readonly rules: (agent: string) => { readonly allow: readonly EgressRule[]; readonly deny: readonly EgressRule[] };
  readonly exceptions: {
    of(agent: string): readonly EgressException[];
    all(): readonly EgressException[];
  };
  readonly resolveAll: ResolveAll;
  readonly now: () => number;
}

export function createServicesRoom(deps: ServicesRoomDeps): ServicesRoom {
  const { database, credentials, now } = deps;
  const services = createServices(database);
  const outbound = createOutbound(deps);
  const endpoint = createTokenEndpoint({ outbound, exceptions: deps.exceptions.all });
  const tokens = createTokens({ endpoint, credentials, now });
  const injector = createInjector({ services, credentials, tokens, now });
  const logins = createOAuthLogins({ endpoint, credentials, now });
  const requests = createRequestRoute({
    ...deps,
    services,
    injector,
    tokens,
    outbound,
    exceptions: deps.exceptions.of,
  });
  const databases = createDatabases({ services, credentials });
  const isGranted = (agent: string, name: string): boolean => credentials.resolve({ agent, name }).kind === 'ok';
  const offers = (agent: string): readonly ServiceOffer[] =>
    services
      .list()
      .filter(({ credential }) => isGranted(agent, credential))
      .map(offerOf);
  return { services, credentials, injector, tokens, logins, requests, databases, offers };
}

function offerOf(service: NamedService): ServiceOffer {
  const { name, credential, setting } = service;
  if (isHttp(service))
    return {
      name,
      kind: 'http',
      address: service.setting.baseUrl,
      handle: handleOf(credential),
      allow: service.setting.allow,
    };
  const database = setting.kind === 'postgres' ? `${setting.database} as ${setting.user}` : '';
  return { name, kind: 'postgres', address: database, handle: '', allow: [] };
}
