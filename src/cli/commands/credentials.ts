import { CredentialCharset, CredentialKind } from '../../protocol/credential.ts';
import { CREDENTIAL_KINDS } from '../../protocol/credential-kinds.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { readableFingerprint } from '../../protocol/seal-text.ts';
import type { Arguments } from '../arguments.ts';
import { closest } from '../closest.ts';
import type { Command } from '../command.ts';
import { JSON_FLAG } from '../command.ts';
import { credentialsOf } from '../connect.ts';
import { type CredentialsCall as Call, grantAll, listOf } from '../credentials/call.ts';
import { exportCredentials } from '../credentials/export-file.ts';
import { importCredentials } from '../credentials/import-file.ts';
import { readParts } from '../credentials/read-value.ts';
import type { CredentialFactsInput } from '../credentials/vault-credentials.ts';
import { table } from '../render/table.ts';

interface Action {
  readonly usage: string;
  readonly least: number;
  readonly run: (call: Call) => Promise<readonly string[]>;
}

const ACTIONS: Readonly<Record<string, Action>> = {
  add: {
    usage: 'add <name> [--kind K] [--places P,…] [--agents A,…] [--note T]   (value from stdin)',
    least: 1,
    run: add,
  },
  rotate: { usage: 'rotate <name>   (new value from stdin)', least: 1, run: rotate },
  generate: {
    usage: 'generate <name> [--length N] [--charset urlsafe|hex|alphanumeric] [--agents A,…]',
    least: 1,
    run: generate,
  },
  list: { usage: 'list [--json]', least: 0, run: list },
  remove: { usage: 'remove <name>', least: 1, run: remove },
  grant: { usage: 'grant <agent> <pattern …>', least: 2, run: grant },
  revoke: { usage: 'revoke <agent> <pattern …>', least: 2, run: revoke },
  import: {
    usage: 'import <.env or export file> | --claude [FILE] | --codex [FILE]   [--agents A,…] [--replace]',
    least: 0,
    run: importCredentials,
  },
  export: { usage: 'export <new file> [--system]   (asks for a passphrase)', least: 1, run: exportCredentials },
  fingerprint: { usage: 'fingerprint', least: 0, run: fingerprint },
};

export const credentials: Command = {
  summary: 'Give agents credentials that they use and never see.',
  usage: '<action> …',
  flags: [
    { name: 'kind', value: 'KIND', help: Object.keys(CREDENTIAL_KINDS).join(', ') },
    { name: 'places', value: 'P,…', help: 'where it may be sent, e.g. https://api.example.org' },
    { name: 'agents', value: 'A,…', help: 'who may use it' },
    { name: 'note', value: 'TEXT', help: 'what it is for' },
    { name: 'length', value: 'N', help: 'characters of a generated value (32)' },
    { name: 'charset', value: 'NAME', help: 'urlsafe (default), hex or alphanumeric' },
    { name: 'claude', help: 'import the login of the Claude CLI' },
    { name: 'codex', help: 'import the login of the Codex CLI' },
    { name: 'replace', help: 'import: give those that exist the new value' },
    { name: 'system', help: 'export: the keys of model providers too' },
    JSON_FLAG,
  ],
  words: [1, 32],
  notes: `Actions:\n${Object.values(ACTIONS)
    .map(({ usage }) => `  ${usage}`)
    .join('\n')}`,
  run: async (context, args) => {
    const [name = '', ...words] = args.words;
    const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
    if (!action) throw unknownAction(name);
    if (words.length < action.least)
      throw new HoldfastError('bad-request', `usage: holdfast credentials ${action.usage}`);
    for (const line of await action.run({ vault: credentialsOf(context.home), context, args, words }))
      context.print(line);
    return 0;
  },
};

async function add({ vault, context, args, words: [name = ''] }: Call): Promise<string[]> {
  const facts = factsOf(args);
  await vault.add(name, facts, await readParts(context, facts.kind ?? 'value'));
  return [`The vault keeps ${name}. ${await grantAll(vault, name, args)}`];
}

async function generate({ vault, args, words: [name = ''] }: Call): Promise<string[]> {
  const charset = CredentialCharset.catch('urlsafe').parse(args.text('charset') ?? 'urlsafe');
  await vault.generate(name, { facts: factsOf(args), length: args.number('length', 16) ?? 32, charset });
  return [`The vault made ${name}. Nobody has seen it. ${await grantAll(vault, name, args)}`];
}

async function rotate({ vault, context, words: [name = ''] }: Call): Promise<string[]> {
  const { credentials: all } = await vault.list();
  const known = all.find((one) => one.name === name.toLowerCase());
  if (!known)
    throw new HoldfastError('not-found', `There is no credential named ${name}.`, {
      remedy: 'See: holdfast credentials list',
    });
  await vault.rotate(name, await readParts(context, known.kind));
  return [`${name} has its new value.`];
}

async function list({ vault, args }: Call): Promise<string[]> {
  const all = await vault.list();
  if (args.has('json')) return [JSON.stringify(all)];
  if (all.credentials.length === 0) return ['The vault has no credentials for agents.'];
  const day = (at: number | null): string => (at === null ? 'never' : new Date(at).toISOString().slice(0, 10));
  const rows = all.credentials.map((one) => [
    one.name,
    one.kind,
    one.agents.join(' ') || 'nobody',
    one.places.join(' ') || 'services only',
    day(one.changedAt),
    day(one.lastUsedAt),
  ]);
  const grants = all.grants.map(({ agent, glob }) => `  ${agent} may use ${glob}`);
  return [...table([['name', 'kind', 'agents', 'may be sent to', 'changed', 'used'], ...rows]), ...grants];
}

async function remove({ vault, words: [name = ''] }: Call): Promise<string[]> {
  await vault.remove(name);
  return [`${name} is gone.`];
}

async function grant({ vault, words: [agent = '', ...globs] }: Call): Promise<string[]> {
  for (const glob of globs) await vault.grant(agent, glob);
  return [`${agent} may use ${globs.join(', ')}.`];
}

async function revoke({ vault, words: [agent = '', ...globs] }: Call): Promise<string[]> {
  for (const glob of globs) await vault.revoke(agent, glob);
  return [`${agent} may not use ${globs.join(', ')} any more.`];
}

async function fingerprint({ vault }: Call): Promise<string[]> {
  const identity = await vault.identity();
  return [
    `Fingerprint of this vault: ${readableFingerprint(identity.fingerprint)}`,
    `Its public key:           ${identity.publicKey}`,
    'A page that asks you for a credential must show the same fingerprint.',
  ];
}

function factsOf(args: Arguments): CredentialFactsInput {
  const kind = CredentialKind.safeParse(args.text('kind') ?? 'value');
  if (!kind.success)
    throw new HoldfastError('bad-request', `--kind ${args.text('kind')} is none`, {
      remedy: `One of ${Object.keys(CREDENTIAL_KINDS).join(', ')}.`,
    });
  return { kind: kind.data, places: listOf(args, 'places'), note: args.text('note') ?? '' };
}

function unknownAction(name: string): HoldfastError {
  const near = closest(name, Object.keys(ACTIONS));
  return new HoldfastError('bad-request', `holdfast credentials has no action ${JSON.stringify(name)}`, {
    remedy: near ? `Did you mean: holdfast credentials ${near}` : `It has: ${Object.keys(ACTIONS).join(', ')}.`,
  });
}
