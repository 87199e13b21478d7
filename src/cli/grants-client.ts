import type { ApprovalView } from '../protocol/api.ts';
import type { GrantChoice, GrantView } from '../protocol/grant.ts';
import type { ApiTarget } from './api-target.ts';
import { ask } from './exceptions-client.ts';

/** The host's routes for standing grants and for answers by a word. */
export interface GrantsClient {
  list(): Promise<GrantView[]>;
  revoke(id: string): Promise<GrantView>;
  confirm(nonce: string, decision: 'allow' | 'deny', grant: GrantChoice | undefined): Promise<ApprovalView>;
}

export function createGrantsClient(target: ApiTarget): GrantsClient {
  return {
    async list() {
      const { GrantView } = await import('../protocol/grant.ts');
      return await ask(target, { method: 'GET', path: '/api/grants' }, GrantView.array());
    },
    async revoke(id) {
      const { GrantView } = await import('../protocol/grant.ts');
      return await ask(target, { method: 'DELETE', path: `/api/grants/${encodeURIComponent(id)}` }, GrantView);
    },
    async confirm(nonce, decision, grant) {
      const { ApprovalView } = await import('../protocol/api.ts');
      const body = { nonce, decision, ...(grant === undefined ? {} : { grant }) };
      return await ask(target, { method: 'POST', path: '/api/confirmations', body }, ApprovalView);
    },
  };
}
