import { SpendingView } from '../../protocol/budget.ts';
import type { ApiApp } from '../api/api-env.ts';
import { jsonRoute } from '../api/route.ts';
import type { VaultSpending } from '../vault-client/vault-spending.ts';

/** Reading only: caps are changed over the vault's owner socket. */
export function budgetRoutes(app: ApiApp, { vault }: { vault: Pick<VaultSpending, 'view'> }): void {
  jsonRoute(
    app,
    {
      method: 'get',
      path: '/api/spending',
      summary: 'What every scope has used of every dimension, and its caps.',
      reply: SpendingView,
    },
    () => vault.view(),
  );
}
