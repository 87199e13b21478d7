import { z } from 'zod';
import { SYSTEM_LABEL } from '../../protocol/label.ts';
import type { ServiceOffer } from '../../protocol/service.ts';
import type { VaultServices } from '../vault-client/vault-services.ts';
import type { Tool } from './tool.ts';

const ListServicesInput = z.strictObject({});

/** Names what the agent may use; no value, and nothing of what it may not. */
export function createListServices(services: Pick<VaultServices, 'offers'>): Tool<z.infer<typeof ListServicesInput>> {
  return {
    name: 'list_services',
    description: 'Lists the APIs and databases that you may use, with their addresses. Their keys are put in for you.',
    input: ListServicesInput,
    risk: 'control',
    idempotent: true,
    parallel: true,
    execute: async (_input, context) => {
      const offers = await services.offers(context.agentId);
      const text = offers.length === 0 ? 'No service was granted to you.' : offers.map(lineOf).join('\n');
      return { status: 'ok', text, data: offers.map((offer) => ({ ...offer })), label: SYSTEM_LABEL };
    },
  };
}

function lineOf({ name, kind, address, handle, allow }: ServiceOffer): string {
  if (kind === 'postgres') return `${name}: PostgreSQL database ${address}, reached from programs in a sandbox`;
  return `${name}: ${address}, handle ${handle}${allow.length === 0 ? '' : `, allows ${allow.join('; ')}`}`;
}
