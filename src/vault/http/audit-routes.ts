import { z } from 'zod';
import { ChainId, HeadRequest } from '../../protocol/audit.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { VaultEvents } from '../audit/events.ts';
import type { HeadSigner } from '../audit/head-signer.ts';
import { parseWith } from './parse.ts';
import { type Door, type Route, readSmallJson } from './route.ts';

export interface AuditRoutesDeps {
  readonly heads: HeadSigner;
  readonly events: VaultEvents;
}

/** The host gets heads signed and reads what happened at the other door. Neither widens anything. */
export const AUDIT_ROUTES: readonly Route<AuditRoutesDeps>[] = [
  {
    method: 'GET',
    pattern: /^\/audit-heads\/([^/]+)$/,
    hostToo: true,
    run: ({ heads }, { name }) => heads.state(parseWith(ChainId, name)),
  },
  {
    method: 'POST',
    pattern: /^\/audit-heads$/,
    hostToo: true,
    run: async ({ heads }, { request }) => heads.sign(parseWith(HeadRequest, await readSmallJson(request))),
  },
  {
    method: 'GET',
    pattern: /^\/audit-events$/,
    hostToo: true,
    run: ({ events }, { request }) => {
      const after = new URL(request.url ?? '/', 'http://vault').searchParams.get('after') ?? undefined;
      return { events: events.after(parseWith(z.coerce.number().int().nonnegative().default(0), after)) };
    },
  },
];

interface Visit {
  readonly door: Door;
  readonly method: string;
  readonly path: string;
  readonly hostToo: boolean;
}

/**
 * Runs a route and writes down what it changed: whatever the owner's door changes, and whatever the host's door takes away
 * or tried to widen. The work of every call (models, doors, fetches) has ledgers of its own.
 */
export async function witnessed<T>(events: VaultEvents, visit: Visit, work: () => Promise<T> | T): Promise<T> {
  if (!isWitnessed(visit)) return await work();
  const [, kind = '', ...names] = visit.path.split('/');
  const event = { door: visit.door, action: `${visit.method} ${kind}`, target: names.map(decoded).join('/') };
  try {
    const result = await work();
    events.record({ ...event, outcome: 'done' });
    return result;
  } catch (error) {
    events.record({ ...event, outcome: HoldfastError.from(error).code });
    throw error;
  }
}

const TAKES_AWAY = /^\/(?:freeze|credential-grants|owner-changes|totp)(?:\/|$)/;

function isWitnessed({ door, method, path, hostToo }: Visit): boolean {
  if (method === 'GET' || path.startsWith('/audit-heads')) return false;
  return door === 'owner' || !hostToo || TAKES_AWAY.test(path);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // The route itself refuses it; here it is only told.
  }
}
