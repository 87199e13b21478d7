import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { CredentialArchive } from '../../protocol/credential.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { vaultOf } from '../connect.ts';
import { type CredentialsCall, grantAll } from './call.ts';
import { readClaudeLogin, readCodexLogin } from './logins.ts';
import { readPassphrase } from './read-value.ts';

/** Takes credentials in from a `.env` file, from an export of a vault, or from the login of another program. */
export async function importCredentials(call: CredentialsCall): Promise<readonly string[]> {
  const { args, words } = call;
  if (args.has('claude')) return importLogin(call, readClaudeLogin(await read(words[0] ?? claudeFile(call))));
  if (args.has('codex')) return importLogin(call, readCodexLogin(await read(words[0] ?? codexFile(call))));
  const [path] = words;
  if (path === undefined) throw new HoldfastError('bad-request', 'import needs a file, or --claude, or --codex');
  const text = await read(path);
  const archive = archiveIn(text);
  return archive ? importArchive(call, archive) : importEnv(call, text);
}

async function importArchive(call: CredentialsCall, archive: CredentialArchive): Promise<string[]> {
  const passphrase = await readPassphrase(call.context, false);
  const { added, replaced, kept } = await call.vault.import(archive, passphrase, call.args.has('replace'));
  return summary({ added, replaced, kept });
}

async function importEnv({ vault, args }: CredentialsCall, text: string): Promise<string[]> {
  const values = Object.entries(parseEnv(text)).filter(([, value]) => value !== undefined && value !== '');
  if (values.length === 0) throw new HoldfastError('bad-request', 'There is no NAME=value in that file.');
  const there = new Set((await vault.list()).credentials.map(({ name }) => name));
  const result: { added: string[]; replaced: string[]; kept: string[] } = { added: [], replaced: [], kept: [] };
  for (const [name, value = ''] of values) {
    const known = there.has(name.toLowerCase());
    if (known && !args.has('replace')) result.kept.push(name);
    else if (known) await vault.rotate(name, { value }).then(() => result.replaced.push(name));
    else await vault.add(name, { note: 'from .env' }, { value }).then(() => result.added.push(name));
    if (args.has('agents')) await grantAll(vault, name, args);
  }
  return summary(result);
}

interface Login {
  readonly provider: string;
  readonly key: string;
  readonly lines: readonly string[];
}

/** A login is a provider's key: it goes to the system tier, where no agent can name it. */
async function importLogin({ context }: CredentialsCall, login: Login): Promise<readonly string[]> {
  await vaultOf(context.home).putSecret(`provider.${login.provider}`, Buffer.from(login.key));
  return login.lines;
}

function summary({ added, replaced, kept }: Record<'added' | 'replaced' | 'kept', readonly string[]>): string[] {
  const line = (what: string, names: readonly string[]): string[] =>
    names.length === 0 ? [] : [`${what}: ${names.join(', ')}`];
  return [
    ...line('Added', added),
    ...line('Replaced', replaced),
    ...line('Left as they were (--replace gives them the new value)', kept),
  ];
}

function archiveIn(text: string): CredentialArchive | undefined {
  try {
    return CredentialArchive.parse(JSON.parse(text));
  } catch {
    return undefined; // not an export: a .env file
  }
}

async function read(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new HoldfastError('not-found', `${path} cannot be read (${error.code ?? error.message}).`, { cause: error });
  });
}

const homeOf = ({ context }: CredentialsCall): string => context.env.HOME ?? homedir();
const claudeFile = (call: CredentialsCall): string =>
  join(call.context.env.CLAUDE_CONFIG_DIR ?? join(homeOf(call), '.claude'), '.credentials.json');
const codexFile = (call: CredentialsCall): string =>
  join(call.context.env.CODEX_HOME ?? join(homeOf(call), '.codex'), 'auth.json');
