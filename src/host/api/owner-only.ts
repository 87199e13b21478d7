import { HoldfastError } from '../../protocol/error.ts';
import type { Principal } from '../control.ts';

/** For what widens something: the owner at a terminal or signed in at the dashboard, never a program with a token. */
export function requireOwner(principal: Principal, what: string): Principal {
  if (principal.id === 'owner') return principal;
  throw new HoldfastError('forbidden', `${what} by the owner, not by ${principal.id} (${principal.surface}).`, {
    remedy: 'Use the dashboard or the command line on this machine.',
  });
}
