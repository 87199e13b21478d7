import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { AgentTeam, BudgetLimit, LimitRef, RoomRequest, WallTimeRequest } from '../../protocol/budget.ts';
import { AgentId } from '../../protocol/ids.ts';
import { BudgetCaps, type BudgetView } from '../../protocol/vault-api.ts';
import { parseJson, readBody } from '../http/body.ts';
import { parseWith } from '../http/parse.ts';
import type { Route } from '../http/route.ts';
import { type Amounts, dimensionIndex, fromCounted, toCounted } from './amounts.ts';
import type { Budgets } from './budgets.ts';
import { readSpending } from './spending-view.ts';

/** The routes of budgets. The host's socket reads, asks for room and adds running time; caps and teams are the owner's. */
export interface BudgetRoutesDeps {
  readonly budgets: Budgets;
}

const BODY_BYTES = 65_536;

export const BUDGET_ROUTES: readonly Route<BudgetRoutesDeps>[] = [
  { method: 'GET', pattern: /^\/budgets$/, hostToo: true, run: (deps) => ({ budgets: budgetViews(deps.budgets) }) },
  {
    method: 'PUT',
    pattern: /^\/budgets\/([^/]+)$/,
    run: async ({ budgets }, { name, request }) =>
      budgets.limits.putCaps(
        name === '*' ? name : parseWith(AgentId, name),
        parseWith(BudgetCaps, await json(request)),
      ),
  },
  { method: 'GET', pattern: /^\/spending$/, hostToo: true, run: ({ budgets }) => readSpending(budgets) },
  { method: 'GET', pattern: /^\/limits$/, run: ({ budgets }) => ({ limits: budgets.limits.all() }) },
  {
    method: 'PUT',
    pattern: /^\/limits$/,
    run: async ({ budgets }, { request }) => budgets.limits.put(parseWith(BudgetLimit, await json(request))),
  },
  {
    method: 'DELETE',
    pattern: /^\/limits$/,
    run: ({ budgets }, { request }) => budgets.limits.remove(parseWith(LimitRef, Object.fromEntries(queryOf(request)))),
  },
  {
    method: 'PUT',
    pattern: /^\/agent-teams\/([^/]+)$/,
    run: async ({ budgets }, { name, request }) => {
      budgets.teams.put(parseWith(AgentId, name), parseWith(AgentTeam, await json(request)).team);
      budgets.room.changed();
    },
  },
  {
    method: 'GET',
    pattern: /^\/budget-warnings$/,
    hostToo: true,
    run: ({ budgets }, { request }) => budgets.warnings.after(afterOf(request)),
  },
  {
    method: 'POST',
    pattern: /^\/budget-room$/,
    hostToo: true,
    run: async ({ budgets }, { request, response }) => {
      const { agent, run, task, needs, waitMs } = parseWith(RoomRequest, await json(request));
      const payer = budgets.payers.of({ agent: parseWith(AgentId, agent), run: run ?? null, task: task ?? null });
      return budgets.room.wait(payer, countedNeeds(needs), { waitMs, signal: goneSignal(response) });
    },
  },
  {
    method: 'POST',
    pattern: /^\/wall-time$/,
    hostToo: true,
    run: async ({ budgets }, { request }) => {
      const { agent, run, task, ...time } = parseWith(WallTimeRequest, await json(request));
      const payer = budgets.payers.of({ agent: parseWith(AgentId, agent), run, task: task ?? null });
      return budgets.wallTime.add(payer, time);
    },
  },
];

async function json(request: IncomingMessage): Promise<unknown> {
  return parseJson(await readBody(request, BODY_BYTES));
}

function queryOf({ url = '' }: IncomingMessage): URLSearchParams {
  return new URLSearchParams(url.slice(url.indexOf('?') + 1 || url.length));
}

function afterOf(request: IncomingMessage): number {
  return parseWith(z.coerce.number().int().nonnegative().default(0), queryOf(request).get('after') ?? undefined);
}

function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  return gone.signal;
}

function countedNeeds({ usd = 0, tokens = 0, calls = 0, egressBytes = 0, wallMs = 0 }: RoomRequest['needs']): Amounts {
  return [toCounted('usd', usd), tokens, calls, egressBytes, wallMs];
}

/** Money alone, per agent. */
function budgetViews({ limits, spending }: Budgets): BudgetView[] {
  const scopes = [...spending.scopes(), ...limits.all()];
  const agents = new Set(scopes.flatMap(({ kind, id }) => (kind === 'agent' ? [id] : [])));
  return [...agents].sort().map((agent) => {
    const counter = spending.counterOf({ kind: 'agent', id: agent });
    const usd = (w: number): number => fromCounted('usd', counter.used(0, w));
    return {
      agent,
      caps: limits.capsOf(agent),
      spentTodayUsd: usd(0),
      spentThisMonthUsd: usd(1),
      reservedUsd: fromCounted('usd', counter.reserved(0)),
      callsToday: counter.used(dimensionIndex('calls'), 0),
    };
  });
}
