import type { ApprovalCard } from '../../../src/protocol/decision.ts';
import type { Api } from '../api/client.ts';

/**
 * A yes to a place on the network, signed with this browser's owner key when the vault trusts it with that. Without such a
 * key nothing is signed, and the yes waits for the owner's word in a terminal. What is signed is what the card shows.
 */
export async function signPlace(
  api: Pick<Api, 'vaultIdentity' | 'ownerKeys' | 'submitChange'>,
  card: ApprovalCard,
): Promise<void> {
  const { egress } = card;
  const shown = card.facts.find(({ name }) => name === 'place')?.value;
  if (egress === undefined) return;
  if (egress.place !== `http://${shown}` && egress.place !== `https://${shown}`)
    throw new Error(`This card shows ${shown} and would open ${egress.place}. Deny it.`);
  const [{ loadPageKey }, { makeEnvelope }] = await Promise.all([
    import('../credentials/page-key.ts'),
    import('../credentials/submit-change.ts'),
  ]);
  const key = await loadPageKey().catch(() => undefined); // This browser has no Ed25519: nothing to sign with.
  const keys = key === undefined ? [] : await api.ownerKeys();
  const trusted = keys.some(({ id, scopes }) => id === key?.id && scopes.includes('egress'));
  if (!trusted) return;
  const change = {
    kind: 'egress-task.allow',
    agent: egress.agentId,
    run: egress.runId,
    places: [egress.place],
  } as const;
  await api.submitChange(await makeEnvelope(change, { identity: await api.vaultIdentity(), key, trusted }));
}
