import { HoldfastError } from '../../protocol/error.ts';
import { ResumeRequest, TotpCode, TotpSubject } from '../../protocol/totp.ts';
import type { Freezes } from '../freeze/freezes.ts';
import type { Totps } from '../totp/totps.ts';
import { parseWith } from './parse.ts';
import { type Door, type Route, readSmallJson } from './route.ts';

export interface TotpRoutesDeps {
  readonly totps: Totps;
  readonly freezes: Freezes;
}

/**
 * Second factors. The owner's is set up and removed at the owner's socket only, because it ends a freeze; those of other
 * people guard their logins, which are the host's own.
 */
export const TOTP_ROUTES: readonly Route<TotpRoutesDeps>[] = [
  { method: 'GET', pattern: /^\/totp$/, hostToo: true, run: ({ totps }) => ({ subjects: totps.subjects() }) },
  {
    method: 'PUT',
    pattern: /^\/totp\/([^/]+)$/,
    hostToo: true,
    run: ({ totps }, { name, door }) => totps.begin(mayChange(name, door)),
  },
  {
    method: 'POST',
    pattern: /^\/totp\/([^/]+)\/confirm$/,
    hostToo: true,
    run: async ({ totps }, { name, door, request }) =>
      totps.confirm(mayChange(name, door), parseWith(TotpCode, await readSmallJson(request)).code),
  },
  {
    method: 'POST',
    pattern: /^\/totp\/([^/]+)\/check$/,
    hostToo: true,
    run: async ({ totps }, { name, request }) =>
      totps.check(parseWith(TotpSubject, name), parseWith(TotpCode, await readSmallJson(request)).code),
  },
  {
    method: 'DELETE',
    pattern: /^\/totp\/([^/]+)$/,
    hostToo: true,
    run: ({ totps }, { name, door }) => totps.remove(mayChange(name, door)),
  },
  {
    method: 'POST',
    pattern: /^\/freeze\/resume$/,
    hostToo: true,
    run: async ({ totps, freezes }, { request }) => {
      const { agent, code } = parseWith(ResumeRequest, await readSmallJson(request));
      totps.check('owner', code);
      if (!freezes.unfreeze(agent)) throw new HoldfastError('not-found', `${agent} is not frozen.`);
    },
  },
];

function mayChange(name: string, door: Door): string {
  const subject = parseWith(TotpSubject, name);
  if (door === 'owner' || subject !== 'owner') return subject;
  throw new HoldfastError('forbidden', "The owner's second factor is changed at the owner's socket only.", {
    remedy: 'holdfast totp setup, in a terminal of this machine',
  });
}
