import type { Principal } from '../control.ts';
import type { ApprovalsTable } from './tables.ts';

/**
 * Who may answer a question. People with a role decide; a program with a token, an agent and the host never do.
 * Contract: a pure look at the principal and the question, asked before every answer and before a nonce is shown.
 */
export interface Deciders {
  mayDecide(principal: Principal, approval: Pick<ApprovalsTable, 'agent_id' | 'principal' | 'run_id'>): boolean;
}

export const ownerDecides: Deciders = { mayDecide: (principal) => principal.id === 'owner' };
