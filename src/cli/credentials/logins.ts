import { z } from 'zod';
import { HoldfastError } from '../../protocol/error.ts';

/** The logins that other programs keep on this machine, as far as a provider takes them. Values never reach a message. */
export interface ProviderLogin {
  readonly provider: string;
  readonly key: string;
  readonly lines: readonly string[];
}

const ClaudeFile = z.object({
  claudeAiOauth: z.object({ accessToken: z.string().min(20), expiresAt: z.number().optional() }),
});

export function readClaudeLogin(text: string): ProviderLogin {
  const file = ClaudeFile.safeParse(parsed(text));
  if (!file.success)
    throw new HoldfastError('bad-request', 'That is not the login file of the Claude CLI.', {
      remedy: 'Log in there first, or give the path of its .credentials.json.',
    });
  const { accessToken, expiresAt } = file.data.claudeAiOauth;
  const until =
    expiresAt === undefined ? '' : ` It is good until ${new Date(expiresAt).toISOString()}; import again then.`;
  return {
    provider: 'anthropic',
    key: accessToken,
    lines: [`The login of the Claude CLI is the key of the provider anthropic now.${until}`],
  };
}

const CodexFile = z.object({
  OPENAI_API_KEY: z.string().min(10).nullish(),
  tokens: z.object({ access_token: z.string() }).nullish(),
});

export function readCodexLogin(text: string): ProviderLogin {
  const file = CodexFile.safeParse(parsed(text));
  if (!file.success)
    throw new HoldfastError('bad-request', 'That is not the login file of the Codex CLI.', {
      remedy: 'Log in there first, or give the path of its auth.json.',
    });
  const key = file.data.OPENAI_API_KEY ?? undefined;
  if (key === undefined)
    throw new HoldfastError(
      'bad-request',
      'The Codex CLI is logged in with ChatGPT, which the OpenAI API does not take.',
      {
        remedy: 'Log in there with an API key (codex login --with-api-key), or enter one with `holdfast setup`.',
      },
    );
  return { provider: 'openai', key, lines: ['The API key of the Codex CLI is the key of the provider openai now.'] };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the parser's message would quote the file
  }
}
