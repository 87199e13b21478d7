import { z } from 'zod';
import { HoldfastError } from '../../protocol/error.ts';
import { AgentId } from '../../protocol/ids.ts';
import { AnyServiceSetting, LoginFinish, LoginRequest, ServiceName } from '../../protocol/service.ts';
import type { Trust } from '../egress/trust.ts';
import type { ServicesRoom } from '../services/room.ts';
import { isHttp, type NamedService, noService } from '../services/services.ts';
import { readBody } from './body.ts';
import { parseWith } from './parse.ts';
import { type Route, readSmallJson, SMALL_BODY_BYTES } from './route.ts';

/** Services. The host may ask what an agent may use and send a request for it; the rest is the owner's. */
export interface ServiceRoutesDeps {
  readonly servicesRoom: ServicesRoom;
  readonly trust: Trust;
}

const AuthorityName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,47}$/, 'use a-z 0-9 -');

export const SERVICE_ROUTES: readonly Route<ServiceRoutesDeps>[] = [
  {
    method: 'GET',
    pattern: /^\/services$/,
    run: ({ servicesRoom: { services, credentials } }) => ({
      services: services.list().map((one) => ({ ...one, hasCredential: credentials.has(one.credential) })),
    }),
  },
  {
    method: 'GET',
    pattern: /^\/agent-services\/([^/]+)$/,
    hostToo: true,
    run: ({ servicesRoom }, { name }) => ({ services: servicesRoom.offers(parseWith(AgentId, name)) }),
  },
  {
    method: 'PUT',
    pattern: /^\/services\/([^/]+)$/,
    run: async ({ servicesRoom }, { name, request }) =>
      servicesRoom.services.put(
        parseWith(ServiceName, name),
        parseWith(AnyServiceSetting, await readSmallJson(request)),
      ),
  },
  {
    method: 'DELETE',
    pattern: /^\/services\/([^/]+)$/,
    run: ({ servicesRoom }, { name }) => servicesRoom.services.delete(name),
  },
  {
    method: 'POST',
    pattern: /^\/services\/([^/]+)\/login$/,
    run: async ({ servicesRoom }, { name, request }) => {
      const { credential, scopes } = loginTarget(servicesRoom.services.get(name), name);
      return await servicesRoom.logins.start(credential, parseWith(LoginRequest, await readSmallJson(request)), scopes);
    },
  },
  {
    method: 'POST',
    pattern: /^\/services\/([^/]+)\/login\/finish$/,
    run: async ({ servicesRoom }, { name, request }) => {
      const { credential } = loginTarget(servicesRoom.services.get(name), name);
      return await servicesRoom.logins.finish(credential, parseWith(LoginFinish, await readSmallJson(request)));
    },
  },
  {
    method: 'POST',
    pattern: /^\/service-requests$/,
    hostToo: true,
    run: ({ servicesRoom }, { request, response }) => servicesRoom.requests.handle(request, response),
  },
  { method: 'GET', pattern: /^\/trusted-authorities$/, run: ({ trust }) => ({ authorities: trust.list() }) },
  {
    method: 'PUT',
    pattern: /^\/trusted-authorities\/([^/]+)$/,
    run: async ({ trust }, { name, request }) =>
      trust.put(parseWith(AuthorityName, name), (await readBody(request, SMALL_BODY_BYTES)).toString('latin1')),
  },
  {
    method: 'DELETE',
    pattern: /^\/trusted-authorities\/([^/]+)$/,
    run: ({ trust }, { name }) => trust.delete(name),
  },
];

function loginTarget(
  service: NamedService | undefined,
  name: string,
): { credential: string; scopes: readonly string[] } {
  if (!service) throw noService(name);
  if (isHttp(service)) return { credential: service.credential, scopes: service.setting.scopes };
  throw new HoldfastError('bad-request', `${name} is a PostgreSQL server; it has a password, not a login.`);
}
