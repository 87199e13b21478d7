import { z } from 'zod';
import { ApprovalView } from '../../../protocol/api.ts';
import { HoldfastError } from '../../../protocol/error.ts';
import { GrantChoice, GrantView } from '../../../protocol/grant.ts';
import type { Approvals } from '../../approvals/approvals.ts';
import { toApprovalView } from '../../control/views.ts';
import type { Grants } from '../../grants/grants.ts';
import type { ApiApp } from '../api-env.ts';
import { requireOwner } from '../owner-only.ts';
import { IdParams } from '../query.ts';
import { jsonRoute } from '../route.ts';

/** A question answered by the word that its card shows. */
const Confirmation = z.strictObject({
  nonce: z.string().min(1).max(40),
  decision: z.enum(['allow', 'deny']),
  grant: GrantChoice.optional(),
});

export function grantRoutes(app: ApiApp, { grants, approvals }: { grants: Grants; approvals: Approvals }): void {
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/confirmations',
      summary: 'Answers a question by the word on its card. The word works once.',
      body: Confirmation,
      reply: ApprovalView,
      refuses: [404, 409],
    },
    async ({ body, caller }) => {
      const row = await approvals.named(body.nonce.toLowerCase());
      if (row === undefined) {
        throw new HoldfastError('not-found', 'No question waits under this word.', { remedy: 'holdfast pending' });
      }
      const outcome = body.decision === 'allow' ? 'allowed' : 'denied';
      return toApprovalView(await approvals.decide(row.id, outcome, { ...caller.principal, grant: body.grant }));
    },
  );
  jsonRoute(
    app,
    {
      method: 'get',
      path: '/api/grants',
      summary: 'What people allowed for longer than one call, newest first.',
      reply: GrantView.array(),
    },
    () => grants.list(),
  );
  jsonRoute(
    app,
    {
      method: 'delete',
      path: '/api/grants/{id}',
      summary: 'Revokes a standing grant. Only the owner.',
      params: IdParams,
      reply: GrantView,
      refuses: [404],
    },
    ({ params, caller }) => grants.revoke(params.id, requireOwner(caller.principal, 'Grants are revoked')),
  );
}
