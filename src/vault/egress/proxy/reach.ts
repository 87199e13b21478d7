import type { Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import type { Outgoing } from '../../services/place-credential.ts';
import type { ClientCertificate } from '../trust.ts';
import { dial } from './dial.ts';
import { admit, codeOf, type DoorContext, fail, type Refused, refuse } from './door-context.ts';
import { type ProxyTarget, placeOf } from './request-target.ts';

/**
 * The way from a judged request to its origin: judge, resolve, put the credential in where a service is bound to this very
 * request, connect to the addresses that were checked and, in https, check the server's certificate for real. Whatever
 * refuses has its row.
 */
export interface Reached {
  readonly kind: 'reached';
  readonly origin: Socket;
  readonly request: Outgoing;
  /** Whose credential went along; empty when none did. */
  readonly service: string;
  /** What the answer must not bring back. */
  readonly secrets: readonly string[];
}

const CONNECT_WITHIN_MS = 15_000;

export async function reach(
  door: DoorContext,
  target: ProxyTarget,
  headers: Outgoing['headers'],
): Promise<Reached | Refused> {
  const admitted = await admit(door, target);
  if (admitted.kind === 'refused') return admitted;
  const request: Outgoing = { method: target.method, path: target.path, search: target.search, headers };
  const placed = await place(door, target, request);
  if ('status' in placed) return placed;
  const { addresses } = admitted;
  try {
    const origin = await dial(target.host, { addresses, port: target.port, timeoutMs: CONNECT_WITHIN_MS });
    const secured = target.scheme === 'https' ? await secure(door, origin, { target, client: placed.client }) : origin;
    return { kind: 'reached', origin: secured, ...placed };
  } catch (error) {
    return fail(door, target, `${placeOf(target)} could not be reached (${codeOf(error)})`);
  }
}

type Placed = Omit<Reached, 'kind' | 'origin'> & { readonly client: ClientCertificate | undefined };

async function place(door: DoorContext, target: ProxyTarget, request: Outgoing): Promise<Placed | Refused> {
  try {
    const wanted = { agent: door.agent, asked: target, request, handles: 'everywhere' } as const;
    const injection = await door.look.injector.inject(wanted);
    if (injection.kind === 'refused')
      return refuse(door, target, `${placeOf(target)}; ${injection.reason} ${injection.unlock}`);
    if (injection.kind === 'bare') return { request, service: '', secrets: [], client: undefined };
    return { request: injection.request, service: injection.by, secrets: injection.secrets, client: injection.client };
  } catch (error) {
    return fail(door, target, `${placeOf(target)}: its credential cannot be used now (${codeOf(error)})`);
  }
}

function secure(
  door: DoorContext,
  socket: Socket,
  { target, client }: { target: ProxyTarget; client: ClientCertificate | undefined },
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const secured = tlsConnect({
      socket,
      secureContext: door.look.trust.context(client),
      ...(target.isLiteral ? {} : { servername: target.host }),
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: true,
    });
    const timer = setTimeout(() => secured.destroy(new Error('its TLS did not come about in time')), CONNECT_WITHIN_MS);
    const failed = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    secured.once('error', failed);
    secured.once('secureConnect', () => {
      clearTimeout(timer);
      secured.off('error', failed);
      // Whoever takes it listens too; without any listener a late error would end the vault.
      secured.on('error', () => secured.destroy());
      resolve(secured);
    });
  });
}
