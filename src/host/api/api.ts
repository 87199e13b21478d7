import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { LoginLink } from '../../protocol/api.ts';
import type { HoldfastConfig } from '../../protocol/config.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { Access } from '../access/access.ts';
import type { Authorize } from '../access/authorize.ts';
import type { Control } from '../control.ts';
import type { Ownership } from '../people/ownership.ts';
import type { Roster } from '../people/roster.ts';
import type { Shares } from '../people/shares.ts';
import type { Rates } from '../rates/rates.ts';
import { type ApiFeature, createApp } from './app.ts';
import { errorAnswer, errorResponse } from './error-reply.ts';
import { EventHub } from './events/hub.ts';
import { createUpgrade, type UpgradeHandler } from './events/upgrade.ts';
import { createGuard } from './guard.ts';
import { type ApiLimits, DEFAULT_LIMITS } from './limits.ts';
import { boundedServer, closeServer, listenSocket, listenTcp } from './listen.ts';
import { createOrigins, isLoopback, type Origins } from './origins.ts';
import type { Door } from './request-facts.ts';
import { loginLink } from './routes/access.ts';

export interface ApiOptions {
  readonly control: Control;
  readonly access: Access;
  readonly config: HoldfastConfig;
  /** `hostSocket` of the home. */
  readonly socketPath: string;
  /** The built dashboard; it need not exist. */
  readonly webRoot: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly version: string;
  readonly limits?: Partial<ApiLimits>;
  /** Absent: nobody counts. */
  readonly rates?: Pick<Rates, 'endpoint'>;
  /** Makes a copy of the database and answers with its path. */
  readonly copyDatabase?: () => Promise<string>;
  /** Routes that other rooms bring. Default: none. */
  readonly features?: readonly ApiFeature[];
  /** Who has which role, and what each may do. Default: only the owner is let in. */
  readonly people?: ApiPeople;
}

export interface ApiPeople {
  readonly roster: Pick<Roster, 'get'>;
  readonly authorize: Authorize;
  readonly ownership: Ownership;
  readonly shares: Pick<Shares, 'sees'>;
  readonly onChanged: (listener: (person: string) => void) => Disposable;
  /** Throws when it is not the code of that person's second factor. */
  readonly checkCode: (person: string, code: string) => Promise<void>;
}

/** The gateway while it listens. Disposing stops it: streams are told, requests under way get a moment. */
export interface Api extends AsyncDisposable {
  /** `http://127.0.0.1:7420`. */
  readonly url: string;
  readonly port: number;
  createLoginLink(): Promise<LoginLink>;
}

const STOP_GRACE_MS = 2_000;

export async function createApi(options: ApiOptions): Promise<Api> {
  const { config, access, log } = options;
  mustBeAllowed(config);
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  await using stack = new AsyncDisposableStack();
  // The port may be chosen by the system, and the names we answer to contain it: listen first, then build the app.
  let serve: Pick<Serving, Door> = { tcp: STARTING, socket: STARTING };
  const tcp = boundedServer(limits, (request, response) => serve.tcp.request(request, response));
  const socket = boundedServer(limits, (request, response) => serve.socket.request(request, response));
  tcp.on('upgrade', (request, wire, head) => serve.tcp.upgrade(request, wire, head));
  socket.on('upgrade', (request, wire, head) => serve.socket.upgrade(request, wire, head));
  stack.defer(() => closeServer(tcp, STOP_GRACE_MS));
  stack.defer(() => closeServer(socket, STOP_GRACE_MS));
  const port = await listenTcp(tcp, config.server);
  const origins = createOrigins(config.server, port);
  const hub = stack.use(new EventHub({ ...options, limits }));
  stack.use(access.onEnded((subject) => hub.end(subject)));
  if (options.people !== undefined) stack.use(options.people.onChanged((person) => hub.endPerson(person)));
  serve = stack.use(createServing({ ...options, limits, origins, hub }));
  await listenSocket(socket, options.socketPath);
  log.info('gateway listens', { url: origins.url });
  const owned = stack.move();
  return {
    url: origins.url,
    port,
    createLoginLink: () => loginLink(access, origins),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface Entrance {
  readonly request: (request: IncomingMessage, response: ServerResponse) => void;
  readonly upgrade: UpgradeHandler;
}

type Serving = Readonly<Record<Door, Entrance>> & Disposable;

/** For the moment between listening and being ready: nobody is left waiting. */
const STARTING: Entrance = {
  request: (_request, response) => response.writeHead(503, { 'retry-after': '1' }).end(),
  upgrade: (_request, wire) => wire.destroy(),
};

type ServingDeps = ApiOptions & { limits: ApiLimits; origins: Origins; hub: EventHub };

function createServing(deps: ServingDeps): Serving {
  const guard = createGuard({ ...deps, ...(deps.people === undefined ? {} : { roster: deps.people.roster }) });
  const authorize = deps.people?.authorize ?? ownerAlone;
  const app = createApp({
    ...deps,
    authorize,
    checkCode: deps.people?.checkCode,
    features: deps.features ?? [],
    guard,
  });
  const listener = (door: Door): Entrance['request'] =>
    getRequestListener((request, env) => app.fetch(request, { ...env, door }), {
      overrideGlobalObjects: false,
      errorHandler: (error) => errorResponse(errorAnswer(malformed(error), deps.log)),
    });
  const upgrades = {
    tcp: createUpgrade({ ...deps, guard, authorize }, 'tcp'),
    socket: createUpgrade({ ...deps, guard, authorize }, 'socket'),
  };
  return {
    tcp: { request: listener('tcp'), upgrade: upgrades.tcp },
    socket: { request: listener('socket'), upgrade: upgrades.socket },
    [Symbol.dispose]: () => {
      upgrades.tcp[Symbol.dispose]();
      upgrades.socket[Symbol.dispose]();
    },
  };
}

/** Without people there is nobody but the owner: whoever is something else is let do nothing. */
const ownerAlone: Authorize = async ({ role }) => {
  if (role === 'owner') return undefined;
  throw new HoldfastError('forbidden', 'This install has one person, its owner.');
};

/** What the adapter could not even turn into a request, such as a Host header that is no host. */
function malformed(error: unknown): unknown {
  return error instanceof Error && error.name === 'RequestError'
    ? new HoldfastError('bad-request', 'The request cannot be understood.', { cause: error })
    : error;
}

function mustBeAllowed({ server }: HoldfastConfig): void {
  if (isLoopback(server.host) || server.allowRemote) return;
  throw new HoldfastError('config.invalid', `server.host is ${server.host}, which other machines can reach.`, {
    remedy:
      'Set it to 127.0.0.1, or set server.allowRemote to true in config.json if that is what you want. There is no TLS: ' +
      'put a proxy with TLS or a tunnel in front and name it in server.publicUrl.',
  });
}
