import { describe, expect, it } from 'vitest';
import type { ApprovalCard } from '../../../src/protocol/decision.ts';
import { signPlace } from './sign-place.ts';

const card = (place: string, shown = 'files.example.org:443'): ApprovalCard => ({
  title: 't',
  risk: 'r',
  facts: [{ name: 'place', value: shown }],
  egress: { runId: 'run_1', agentId: 'operator', place },
});
const untouched = {
  vaultIdentity: () => Promise.reject(new Error('asked')),
  ownerKeys: () => Promise.reject(new Error('asked')),
  submitChange: () => Promise.reject(new Error('submitted')),
};

describe('a yes to a place on the network', () => {
  it('signs nothing for a card that shows another place', async () => {
    await expect(signPlace(untouched, card('https://evil.example:443'))).rejects.toThrow('Deny it');
  });

  it('signs nothing in a browser without a key, nor for any other card', async () => {
    await signPlace(untouched, card('https://files.example.org:443'));
    const { egress: _, ...plain } = card('https://files.example.org:443');
    await signPlace(untouched, plain);
  });
});
