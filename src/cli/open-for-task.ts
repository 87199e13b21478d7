import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { ApprovalCard } from '../protocol/decision.ts';
import { HoldfastError } from '../protocol/error.ts';
import { OwnerChangeResult, VaultIdentity } from '../protocol/owner-change.ts';
import type { ApiClient } from './api-client.ts';
import type { VaultCall } from './vault-owner.ts';

/**
 * The owner's word for a place on a card, said to the vault itself over the owner's socket, before the host hears the yes.
 * What is opened is what the card showed: a host that shows one place and means another is refused here.
 */
const LIFE_MS = 60_000;

/** A yes to a place on the network is said to the vault first: the host cannot open one. */
export async function openApproved(host: Pick<ApiClient, 'approvals'>, id: string, call: VaultCall): Promise<void> {
  const asked = (await host.approvals('pending')).find((one) => one.id === id);
  if (asked !== undefined) await openForTask(asked.card, call);
}

export async function openForTask(card: ApprovalCard, call: VaultCall): Promise<void> {
  const { egress } = card;
  if (egress === undefined) return;
  const shown = card.facts.find(({ name }) => name === 'place')?.value;
  if (egress.place !== `http://${shown}` && egress.place !== `https://${shown}`)
    throw new HoldfastError(
      'forbidden',
      `The card shows ${shown} and would open ${egress.place}; it was not allowed.`,
      {
        remedy: 'Deny it, and look at `holdfast logs host`.',
      },
    );
  const { fingerprint } = VaultIdentity.pick({ fingerprint: true }).parse(await call('GET', '/identity'));
  const issuedAt = Date.now();
  const change = { kind: 'egress-task.allow', agent: egress.agentId, run: egress.runId, places: [egress.place] };
  const id = randomBytes(18).toString('base64url');
  const payload = { vault: fingerprint, id, issuedAt, expiresAt: issuedAt + LIFE_MS, change };
  const result = z
    .union([OwnerChangeResult, z.undefined()])
    .parse(await call('POST', '/owner-changes', { payload: JSON.stringify(payload) }));
  if (result?.state === 'held') throw new HoldfastError('internal', 'The vault did not take the owner’s word.');
}
