import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createVaultWorld, type VaultWorld } from '../../testing/vault-world.ts';

let world: VaultWorld;
beforeEach(async () => {
  world = await createVaultWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

const freeze = (body: object) => world.host('/freeze', { method: 'PUT', body: JSON.stringify(body) });
const code = (text: string): unknown => JSON.parse(text).code;

describe('the kill switch of the vault', () => {
  it('is pulled by the host and let go by the owner alone', async () => {
    await world.owner.putProvider('local', { wire: 'openai-chat', baseUrl: 'http://127.0.0.1:9' });
    expect((await freeze({ agent: 'tester', reason: 'it went mad' })).status).toBe(204);
    const refused = await world.model('local/chat/completions', { model: 'm', messages: [] });
    expect(refused).toMatchObject({ status: 403, error: { code: 'vault.frozen' } });
    expect(refused.error?.message).toContain('it went mad');
    const fetched = { agent: 'tester', url: 'https://example.org/' };
    const answer = await world.host('/fetch', { method: 'POST', body: JSON.stringify(fetched) });
    expect(code(answer.text)).toBe('vault.frozen');
    const other = await world.model('local/chat/completions', { model: 'm', messages: [] }, { agent: 'other' });
    expect(other.error?.code).not.toBe('vault.frozen');

    expect((await world.host('/freeze/tester', { method: 'DELETE' })).status).toBe(403);
    await world.restart();
    const list = await world.host('/freeze');
    expect(JSON.parse(list.text).frozen).toMatchObject([{ agent: 'tester', source: 'host', reason: 'it went mad' }]);
    const owner = { method: 'DELETE', socketPath: world.home.vaultOwnerSocket };
    expect((await world.host('/freeze/tester', owner)).status).toBe(204);
    expect((await world.host('/freeze/tester', owner)).status).toBe(404);
    const again = await world.model('local/chat/completions', { model: 'm', messages: [] });
    expect(again.error?.code).not.toBe('vault.frozen');
  });

  it('stops everything at once, and bad requests are named', async () => {
    expect((await freeze({ reason: '' })).status).toBe(400);
    expect((await freeze({ agent: 'Not An Agent', reason: 'x' })).status).toBe(400);
    expect((await freeze({ reason: 'all of it' })).status).toBe(204);
    const refused = await world.model('nowhere/chat/completions', { model: 'm' }, { agent: 'anybody' });
    expect(refused.error?.code).toBe('vault.frozen');
  });
});
