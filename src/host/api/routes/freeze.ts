import { FreezeBody, FreezeResult, FrozenView, ResumeBody } from '../../../protocol/api.ts';
import { HoldfastError } from '../../../protocol/error.ts';
import type { Freeze } from '../../freeze/freeze.ts';
import { frozenError } from '../../freeze/frozen-set.ts';
import type { VaultTotp } from '../../vault-client/vault-totp.ts';
import type { ApiFeature } from '../app.ts';
import { jsonRoute } from '../route.ts';

export interface FreezeRouteDeps {
  readonly freeze: Freeze;
  readonly totp: Pick<VaultTotp, 'resume'>;
}

/** The kill switch. To pull it, a login is enough; to end it, the vault wants a code or the owner's own terminal. */
export const freezeRoutes =
  ({ freeze, totp }: FreezeRouteDeps): ApiFeature =>
  (app) => {
    jsonRoute(
      app,
      { method: 'get', path: '/api/freeze', summary: 'What is frozen.', reply: FrozenView.array() },
      async () => [...freeze.frozen.all()],
    );
    jsonRoute(
      app,
      {
        method: 'post',
        path: '/api/freeze',
        summary: 'Freezes an agent, or everything: the reply comes when it is cut.',
        body: FreezeBody,
        reply: FreezeResult,
      },
      async ({ body, caller }) => {
        const { id, surface } = caller.principal;
        const outcome = await freeze.freeze({ ...body, actor: id, surface });
        return { ...outcome, frozen: [...freeze.frozen.all()] };
      },
    );
    jsonRoute(
      app,
      {
        method: 'post',
        path: '/api/freeze/resume',
        summary: 'Ends a freeze with the code of the second factor, or follows what the vault was told.',
        body: ResumeBody,
        reply: FrozenView.array(),
        refuses: [404, 409],
      },
      async ({ body, caller }) => {
        const { scope, code } = body;
        if (code !== undefined) await totp.resume({ agent: scope, code });
        const { id, surface } = caller.principal;
        await freeze.look({ actor: id, surface });
        const left = freeze.frozen.all().find((one) => one.scope === scope);
        if (left !== undefined) throw needsFactor(left);
        return [...freeze.frozen.all()];
      },
    );
  };

function needsFactor(frozen: Parameters<typeof frozenError>[0]): HoldfastError {
  const { message, remedy } = frozenError(frozen);
  return new HoldfastError('conflict', message, {
    remedy: `Give the code of your second factor, or type \`${remedy}\` in a terminal of the machine.`,
  });
}
