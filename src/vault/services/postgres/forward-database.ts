import type { Duplex } from 'node:stream';
import { watch } from '../../egress/proxy/clean-stream.ts';
import { codeOf, type DoorContext, fail, refuse } from '../../egress/proxy/door-context.ts';
import { refuseSocket } from '../../egress/proxy/refusal.ts';
import { relay } from '../../egress/proxy/relay.ts';
import type { ProxyTarget } from '../../egress/proxy/request-target.ts';
import { startTraffic } from '../../egress/proxy/traffic.ts';
import { createSecretGuard } from '../../secret-guard.ts';
import { type ConnectDeps, connectServer, type ServerConnection } from './connect-server.ts';
import type { Found } from './databases.ts';
import { LoginRefused, logIn } from './log-in.ts';
import {
  CANCEL_REQUEST,
  errorMessage,
  GSS_REQUEST,
  int32,
  PROTOCOL_3,
  readParameters,
  SSL_REQUEST,
  writeMessage,
  writeStartup,
} from './messages.ts';
import { createReader } from './reader.ts';

/**
 * A tunnel to a database: the program connects without a password, the vault logs in for it, as the one user and to the
 * one database of the service, and from then on passes the bytes. The password is in no byte that the program could see.
 */
const WITHIN_MS = 15_000;
const ESTABLISHED = 'HTTP/1.1 200 Connection established\r\n\r\n';
const NO = Buffer.from('N');
const WRONG = '28000';
const CANNOT_CONNECT = '08001';
const AUTHENTICATED = writeMessage('R', int32(0));
const REFUSED_PARAMETERS = ['replication'];

export async function forwardDatabase(
  door: DoorContext,
  asked: ProxyTarget,
  { client, head }: { client: Duplex; head: Buffer },
): Promise<void> {
  const found = door.look.databases.find(door.agent, asked.host);
  const target = found.kind === 'found' ? placeOf(found, asked) : asked;
  const reason = found.kind === 'refused' ? found.reason : door.closed(target);
  if (found.kind === 'refused' || reason !== undefined)
    return refuseSocket(client, refuse(door, target, `${asked.host}; ${reason}`));
  client.write(ESTABLISHED);
  if (head.length > 0) client.unshift(head);
  const reader = createReader(client, WITHIN_MS);
  try {
    const opening = await readOpening(client, reader);
    if ('cancel' in opening) return await cancel(found, opening.cancel, { door, client });
    const problem = openingProblem(opening.parameters, found);
    if (problem !== undefined) {
      refuse(door, target, `${asked.host}; ${problem}`);
      return void client.end(errorMessage(WRONG, problem));
    }
    const server = await connectServer(found.service.setting, depsOf(door));
    await serve(door, target, { client, reader, server, found, parameters: opening.parameters });
  } catch (error) {
    const message = error instanceof LoginRefused ? error.message : `the database cannot be reached (${codeOf(error)})`;
    fail(door, target, `${found.service.name}: ${message}`);
    client.end(errorMessage(error instanceof LoginRefused ? error.code : CANNOT_CONNECT, message));
  }
}

type FoundDatabase = Extract<Found, { kind: 'found' }>;

function placeOf({ service: { setting } }: FoundDatabase, asked: ProxyTarget): ProxyTarget {
  return { ...asked, host: setting.host, port: setting.port };
}

function depsOf(door: DoorContext): ConnectDeps {
  const { resolveAll } = door;
  return { trust: door.look.trust, resolveAll, exceptions: door.exceptions(), timeoutMs: WITHIN_MS };
}

type Reader = ReturnType<typeof createReader>;

/** The startup parameters, or a request to cancel. TLS and GSS are declined: the tunnel never leaves this machine. */
async function readOpening(
  client: Duplex,
  reader: Reader,
): Promise<{ parameters: ReadonlyMap<string, string> } | { cancel: Buffer }> {
  for (let tries = 0; tries < 3; tries += 1) {
    const { body } = await reader.nextUntyped();
    const code = body.length >= 4 ? body.readInt32BE(0) : 0;
    if (code === SSL_REQUEST || code === GSS_REQUEST) client.write(NO);
    else if (code === CANCEL_REQUEST) return { cancel: body.subarray(0, 12) };
    else if (code >> 16 === PROTOCOL_3 >> 16) return { parameters: readParameters(body.subarray(4)) };
    else throw new LoginRefused('0A000', 'only version 3 of the protocol is spoken here');
  }
  throw new LoginRefused('08P01', 'no startup message came');
}

function openingProblem(parameters: ReadonlyMap<string, string>, { service }: FoundDatabase): string | undefined {
  const { user, database } = service.setting;
  const [asUser, toDatabase] = [parameters.get('user'), parameters.get('database')];
  if (asUser !== user) return `${service.name} is used as ${user}, not as ${(asUser ?? 'nobody').slice(0, 63)}`;
  if (toDatabase !== undefined && toDatabase !== database)
    return `${service.name} is the database ${database}, not ${toDatabase.slice(0, 63)}`;
  const refused = REFUSED_PARAMETERS.find((name) => parameters.has(name));
  return refused === undefined ? undefined : `${service.name} cannot be opened with the parameter ${refused}`;
}

interface Serving {
  readonly client: Duplex;
  readonly reader: Reader;
  readonly server: ServerConnection;
  readonly found: FoundDatabase;
  readonly parameters: ReadonlyMap<string, string>;
}

async function serve(door: DoorContext, target: ProxyTarget, serving: Serving): Promise<void> {
  const { client, reader, found } = serving;
  const { socket, isSecure } = serving.server;
  const { user, database } = found.service.setting;
  const answers = createReader(socket, WITHIN_MS);
  try {
    socket.write(writeStartup(new Map([...serving.parameters, ['user', user], ['database', database]])));
    await logIn(socket, answers, { user, password: found.password, isSecure });
  } catch (error) {
    socket.destroy();
    throw error;
  }
  const stop = (): void => {
    client.destroy();
    socket.destroy();
  };
  const stillAllowed = (): boolean =>
    door.look.databases.find(door.agent, `${found.service.name}.postgres.holdfast`).kind === 'found' &&
    door.closed(target) === undefined;
  const live = startTraffic(door, target, { stop, service: found.service.name, stillAllowed });
  if (live.ended) return;
  answers.release();
  reader.release();
  client.write(AUTHENTICATED);
  relay(client, socket, { live, leaks: watch([door.look.guard(), createSecretGuard([found.password])]) });
}

/** A program wants a query stopped: the server is told over a connection of its own, as the protocol has it. */
async function cancel(
  found: FoundDatabase,
  request: Buffer,
  { door, client }: { door: DoorContext; client: Duplex },
): Promise<void> {
  const { socket } = await connectServer(found.service.setting, depsOf(door));
  socket.end(writeMessage('', request));
  socket.once('close', () => client.end());
  socket.resume();
}
