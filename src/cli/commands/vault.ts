import { readFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { HoldfastError } from '../../protocol/error.ts';
import type { Arguments } from '../arguments.ts';
import type { CliContext, Command } from '../command.ts';
import { servicesOf, vaultOf } from '../connect.ts';
import { createKeychain, moveKeyToKeychain } from '../keychain.ts';
import type { VaultOwner } from '../vault-owner.ts';
import { changeEgress, EGRESS_USAGE } from './vault-egress.ts';
import { freezeVault, listFrozen, unfreezeVault } from './vault-freeze.ts';
import { systemdUnit } from './vault-unit.ts';

type Action = (vault: VaultOwner, words: readonly string[], context: CliContext) => Promise<readonly string[]>;

const ACTIONS: Readonly<Record<string, { usage: string; least: number; run: Action }>> = {
  allow: {
    usage: 'allow <agent> [host:port …]',
    least: 1,
    run: (vault, words) => changeExceptions(vault, words, true),
  },
  disallow: {
    usage: 'disallow <agent> <host:port …>',
    least: 2,
    run: (vault, words) => changeExceptions(vault, words, false),
  },
  egress: { usage: EGRESS_USAGE, least: 1, run: changeEgress },
  caller: { usage: 'caller <agent> [note]', least: 1, run: addCaller },
  callers: { usage: 'callers', least: 0, run: listCallers },
  revoke: { usage: 'revoke <caller id>', least: 1, run: revokeCaller },
  trust: { usage: 'trust [name] [file.pem]', least: 0, run: changeTrust },
  distrust: { usage: 'distrust <name>', least: 1, run: distrust },
  passphrase: { usage: 'passphrase', least: 0, run: setPassphrase },
  unit: { usage: 'unit', least: 0, run: (_vault, _words, context) => systemdUnit(context) },
  freeze: { usage: 'freeze [agent] [reason]', least: 0, run: (_vault, words, context) => freezeVault(context, words) },
  unfreeze: { usage: 'unfreeze [agent]', least: 0, run: (_vault, words, context) => unfreezeVault(context, words) },
  frozen: { usage: 'frozen', least: 0, run: (_vault, _words, context) => listFrozen(context) },
  keychain: { usage: 'keychain', least: 0, run: useKeychain },
};

export const vault: Command = {
  summary:
    'Manage the vault: what sandboxes may reach, private addresses agents may fetch, tokens of programs, where the master key is.',
  usage: '<action> …',
  flags: [],
  words: [1, 32],
  notes: `Actions:\n${Object.values(ACTIONS)
    .map(({ usage }) => `  ${usage}`)
    .join('\n')}`,
  run: async (context: CliContext, args: Arguments) => {
    const [name = '', ...words] = args.words;
    const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
    if (!action) throw unknownAction(name);
    if (words.length < action.least) throw new HoldfastError('bad-request', `usage: holdfast vault ${action.usage}`);
    for (const line of await action.run(vaultOf(context.home), words, context)) context.print(line);
    return 0;
  },
};

async function changeExceptions(
  owner: VaultOwner,
  [agent = '', ...places]: readonly string[],
  add: boolean,
): Promise<string[]> {
  const given = places.map(readPlace);
  const { hosts } = await owner.getExceptions(agent);
  const others = hosts.filter((one) => !given.some((place) => place.host === one.host && place.port === one.port));
  const next = add ? [...others, ...given] : others;
  if (given.length > 0) await owner.putExceptions(agent, { hosts: next });
  if (next.length === 0) return [`${agent} may fetch no private address.`];
  return [`${agent} may fetch these private addresses:`, ...next.map((one) => `  ${one.host}:${one.port}`)];
}

function readPlace(text: string): { host: string; port: number } {
  const match = /^(.+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match?.[1] && port >= 1 && port <= 65_535) return { host: match[1].replace(/^\[|\]$/g, ''), port };
  throw new HoldfastError('bad-request', `${text} is not host:port`, {
    remedy: 'Write e.g. 10.0.0.5:8080 or [fd00::1]:80.',
  });
}

async function addCaller(owner: VaultOwner, [agent = '', ...note]: readonly string[]): Promise<string[]> {
  const { id, token } = await owner.createCaller(agent, note.join(' '));
  const { tcpPort } = await owner.status();
  const where =
    tcpPort === undefined
      ? 'The loopback endpoint is closed. Open it with vault.loopbackPort in config.json, then: holdfast restart'
      : `Base URL: http://127.0.0.1:${tcpPort}/model/<provider>`;
  return [`${id} pays from the budget of ${agent}. Its token, shown only now:`, token, where];
}

async function listCallers(owner: VaultOwner): Promise<string[]> {
  const callers = await owner.listCallers();
  return callers.length === 0 ? ['No callers.'] : callers.map(({ id, agent, note }) => `${id}  ${agent}  ${note}`);
}

async function revokeCaller(owner: VaultOwner, [id = '']: readonly string[]): Promise<string[]> {
  await owner.deleteCaller(id);
  return [`${id} is revoked.`];
}

/** Authorities that the vault believes beside the public ones: a company's, a home server's. */
async function changeTrust(
  _owner: VaultOwner,
  [name, file]: readonly string[],
  { home }: CliContext,
): Promise<readonly string[]> {
  const services = servicesOf(home);
  if (name !== undefined && file === undefined)
    throw new HoldfastError('bad-request', 'usage: holdfast vault trust <name> <file.pem>');
  if (name !== undefined && file !== undefined) await services.trust(name, await readFile(file));
  const all = await services.trusted();
  if (all.length === 0) return ['The vault believes the public authorities alone.'];
  return ['Beside the public authorities the vault believes:', ...all.map((one) => `  ${one.name}  ${one.subject}`)];
}

async function distrust(_owner: VaultOwner, [name = '']: readonly string[], { home }: CliContext): Promise<string[]> {
  await servicesOf(home).distrust(name);
  return [`${name} is not believed any more.`];
}

async function setPassphrase(owner: VaultOwner, _words: readonly string[], context: CliContext): Promise<string[]> {
  await owner.setPassphrase(context.interactive ? await ask() : context.stdin);
  return ['The vault is sealed under the passphrase. After a start it waits for: holdfast unlock'];
}

async function useKeychain(owner: VaultOwner, _words: readonly string[], context: CliContext): Promise<string[]> {
  await moveKeyToKeychain(owner, createKeychain(platform(), { ...context.env }), context.home.root);
  return ['The master key is in the OS keychain now, and its file is gone.'];
}

async function ask(): Promise<Uint8Array> {
  const { isCancel, password } = await import('@clack/prompts');
  const typed = await password({ message: 'New passphrase of the vault' });
  const again = isCancel(typed) ? typed : await password({ message: 'Once more' });
  if (isCancel(typed) || isCancel(again)) throw new HoldfastError('cancelled', 'Cancelled; nothing was changed.');
  if (typed !== again) throw new HoldfastError('bad-request', 'The two are not the same; nothing was changed.');
  return Buffer.from(typed, 'utf8');
}

function unknownAction(name: string): HoldfastError {
  return new HoldfastError('bad-request', `holdfast vault has no action ${JSON.stringify(name)}`, {
    remedy: `It has: ${Object.keys(ACTIONS).join(', ')}.`,
  });
}
