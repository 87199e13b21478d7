import { z } from 'zod';
import { GenerateCredential, handleOf } from '../../protocol/credential.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { SYSTEM_LABEL } from '../../protocol/label.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import type { AnyTool, Tool } from '../tools/tool.ts';
import type { VaultCredentials } from '../vault-client/vault-credentials.ts';

/** What an agent may know of credentials: the names it was granted, and the name of a secret it had made. No value passes here. */
export function createCredentialTools(vault: Pick<VaultCredentials, 'of' | 'generate'>): AnyTool[] {
  return [createVaultList(vault), createGenerateSecret(vault)];
}

const NoInput = z.strictObject({});

function createVaultList(vault: Pick<VaultCredentials, 'of'>): Tool<z.infer<typeof NoInput>> {
  return {
    name: 'vault_list',
    description:
      'Lists the names of the credentials you may use. You never see a value: write the handle $CRED{name} where a tool takes it, and the vault puts the value in.',
    input: NoInput,
    risk: 'control',
    idempotent: true,
    parallel: true,
    execute: (_input, { agentId }) =>
      orFailure(async () => {
        const credentials = await vault.of(agentId);
        const lines = credentials.map(({ name, kind, note, places }) => {
          const where = places.length === 0 ? '' : `, may be sent to ${places.join(' ')}`;
          return `${handleOf(name)} (${kind}${where})${note === '' ? '' : `: ${note}`}`;
        });
        const text = lines.length === 0 ? 'You were granted no credentials.' : lines.join('\n');
        return { status: 'ok', text, data: { names: credentials.map(({ name }) => name) }, label: SYSTEM_LABEL };
      }),
  };
}

const SecretInput = z.strictObject({
  name: GenerateCredential.shape.name.describe('Short name; it is kept as own.<you>.<name>'),
  length: z.number().int().min(16).max(256).optional().describe('Characters, 32 by default'),
  charset: GenerateCredential.shape.charset.optional().describe('urlsafe by default'),
});
type SecretInput = z.infer<typeof SecretInput>;

function createGenerateSecret(vault: Pick<VaultCredentials, 'of' | 'generate'>): Tool<SecretInput> {
  return {
    name: 'vault_generate_secret',
    description:
      'Has the vault make a random secret (a password, a webhook secret) and keep it for you alone. Returns its handle; nobody sees the value, you neither.',
    input: SecretInput,
    risk: 'control',
    idempotent: false,
    parallel: false,
    execute: (input, { agentId }) =>
      orFailure(async () => {
        const { length, charset } = input;
        const options = { ...(length === undefined ? {} : { length }), ...(charset === undefined ? {} : { charset }) };
        return made((await vault.generate({ agent: agentId, name: input.name, ...options })).name);
      }),
    reconcile: async ({ name }, { agentId }) => {
      const wanted = `own.${agentId}.${name}`;
      const known = (await vault.of(agentId)).some((one) => one.name === wanted);
      return known ? made(wanted) : undefined;
    },
  };
}

function made(name: string): ToolOutcome {
  return {
    status: 'ok',
    text: `The vault made it. Use it as ${handleOf(name)}.`,
    data: { name },
    label: SYSTEM_LABEL,
  };
}

async function orFailure(work: () => Promise<ToolOutcome>): Promise<ToolOutcome> {
  try {
    return await work();
  } catch (thrown) {
    const error = HoldfastError.from(thrown);
    if (error.code === 'internal') throw error;
    const text = error.remedy === undefined ? error.message : `${error.message} ${error.remedy}`;
    return { status: 'error', text, label: SYSTEM_LABEL };
  }
}
