import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../base/logger.ts';
import { AGENT_LABEL } from '../../protocol/label.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import { createVaultWorld, type VaultWorld } from '../../testing/vault-world.ts';
import type { AnyTool, ToolContext } from '../tools/tool.ts';
import { createVaultClient, type VaultClient } from '../vault-client/vault-client.ts';
import { createCredentialTools } from './credential-tools.ts';

let world: VaultWorld;
let client: VaultClient;
let tools: Map<string, AnyTool>;
beforeEach(async () => {
  world = await createVaultWorld();
  const log = createLogger({ name: 'host', level: 'error', write: () => {} });
  client = createVaultClient({ socketPath: world.home.vaultHostSocket, log });
  tools = new Map(createCredentialTools(client.credentials).map((tool) => [tool.name, tool]));
});
afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const VALUE = 'tool-canary-0011223344556677';
const contextOf = (agentId: string): ToolContext => ({
  runId: 'run_1',
  agentId,
  sessionId: undefined,
  effectId: 'eff_1',
  callId: 'call_1',
  signal: AbortSignal.timeout(10_000),
  sandbox: () => Promise.reject(new Error('no sandbox here')),
  output: () => {},
  principal: 'owner',
  label: AGENT_LABEL,
  progress: () => {},
  record: async () => {},
});
async function use(name: string, input: object, agent = 'scout'): Promise<ToolOutcome> {
  const tool = tools.get(name);
  if (!tool) throw new Error(`no tool ${name}`);
  return await tool.execute(tool.input.parse(input), contextOf(agent));
}
const owner = (path: string, method: string, body = '') =>
  world.host(path, { method, body, socketPath: world.home.vaultOwnerSocket });

describe('vault_list', () => {
  it('names what this agent was granted, never a value, never the system tier', async () => {
    const facts = { kind: 'value', note: 'search', places: ['https://api.search.brave.com'] };
    await owner('/credentials/brave_search', 'POST', JSON.stringify({ facts, parts: { value: VALUE } }));
    await world.owner.putSecret('provider.openai', Buffer.from(VALUE));
    await owner('/credential-grants/scout/*', 'PUT');
    const { text, status } = await use('vault_list', {});
    expect([status, text]).toEqual([
      'ok',
      '$CRED{brave_search} (value, may be sent to https://api.search.brave.com): search',
    ]);
    expect((await use('vault_list', {}, 'other')).text).toBe('You were granted no credentials.');
  });

  it('says so when the vault is away', async () => {
    await world.vault[Symbol.asyncDispose]();
    expect(await use('vault_list', {})).toMatchObject({ status: 'error', text: expect.stringContaining('vault') });
    await world.restart();
  });
});

describe('vault_generate_secret', () => {
  it('answers with a handle, keeps the value in the vault, and is found again after a crash', async () => {
    expect((await use('vault_generate_secret', { name: 'db' })).text).toContain('$CRED{own.scout.db}');
    expect((await use('vault_list', {})).text).toContain('own.scout.db');
    expect((await use('vault_list', {}, 'other')).text).not.toContain('own.scout.db');
    expect(await use('vault_generate_secret', { name: 'db' })).toMatchObject({ status: 'error' });
    const tool = tools.get('vault_generate_secret');
    expect(await tool?.reconcile?.({ name: 'db' }, contextOf('scout'))).toMatchObject({ status: 'ok' });
    expect(await tool?.reconcile?.({ name: 'never' }, contextOf('scout'))).toBeUndefined();
    expect(tool?.input.safeParse({ name: '../provider' }).success).toBe(false);
  });
});

describe('the host', () => {
  it('pulls the kill switch and cannot let it go', async () => {
    await client.credentials.freeze({ agent: 'scout', reason: 'test' });
    expect(await client.credentials.frozen()).toMatchObject([{ agent: 'scout', source: 'host' }]);
    expect((await world.host('/freeze/scout', { method: 'DELETE' })).status).toBe(403);
  });
});
