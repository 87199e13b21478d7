import type { z } from 'zod';
import { HoldfastError } from '../protocol/error.ts';
import type { Explanation } from '../protocol/explanation.ts';
import type { TryPolicy, TryResult } from '../protocol/policy-change.ts';
import type { ExplainQuery, PolicyView } from '../protocol/policy-view.ts';
import { type ApiRequest, request } from './api-request.ts';
import type { ApiTarget } from './api-target.ts';

/** The policy routes of the host; schemas are loaded only when one is called. */
export interface PolicyClient {
  policyOf(agentId: string): Promise<PolicyView>;
  explain(query: ExplainQuery): Promise<Explanation>;
  tryPolicy(body: z.input<typeof TryPolicy>): Promise<TryResult>;
}

export function createPolicyClient(target: ApiTarget): PolicyClient {
  return {
    policyOf: async (agentId) =>
      checked(
        (await import('../protocol/policy-view.ts')).PolicyView,
        await get(`/api/policy/agents/${encodeURIComponent(agentId)}`),
      ),
    explain: async (query) =>
      checked(
        (await import('../protocol/explanation.ts')).Explanation,
        await get(`/api/policy/explain?${queryOf(query)}`),
      ),
    tryPolicy: async (body) =>
      checked(
        (await import('../protocol/policy-change.ts')).TryResult,
        await request(target, { method: 'POST', path: '/api/policy/try', body }),
      ),
  };

  async function get(path: string): Promise<Buffer> {
    return await request(target, { method: 'GET', path } satisfies ApiRequest);
  }
}

interface Shape<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: Error };
}

function checked<T>(schema: Shape<T>, body: Buffer): T {
  const parsed = schema.safeParse(JSON.parse(body.toString('utf8')));
  if (parsed.success) return parsed.data;
  throw new HoldfastError('internal', 'The host’s reply has a shape this program does not know.', {
    remedy: 'The host and this program may be of different versions: `holdfast restart`.',
    cause: parsed.error,
  });
}

function queryOf({ resource, ...query }: ExplainQuery): string {
  return new URLSearchParams({ ...query, ...(resource === undefined ? {} : { resource }) }).toString();
}
