import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { HoldfastError } from '../../protocol/error.ts';
import { OWNER_SCOPES, OwnerScope } from '../../protocol/owner-change.ts';
import type { Arguments } from '../arguments.ts';
import { closest } from '../closest.ts';
import type { CliContext, Command } from '../command.ts';
import { credentialsOf } from '../connect.ts';
import { readPassphrase } from '../credentials/read-value.ts';
import type { VaultCredentials } from '../credentials/vault-credentials.ts';
import { makeOwnerKey, openOwnerKey } from '../owner/owner-key.ts';
import { signChange } from '../owner/sign-change.ts';
import { table } from '../render/table.ts';

interface Call {
  readonly vault: VaultCredentials;
  readonly context: CliContext;
  readonly args: Arguments;
  readonly word: string;
}

const ACTIONS: Readonly<
  Record<string, { usage: string; needsWord?: true; run: (call: Call) => Promise<readonly string[]> }>
> = {
  key: { usage: 'key [--file FILE] [--passphrase] [--with SCOPE,…]', run: makeKey },
  trust: { usage: 'trust <public key> [--label NAME] [--with SCOPE,…]', needsWord: true, run: trust },
  keys: { usage: 'keys', run: listKeys },
  distrust: { usage: 'distrust <key id>', needsWord: true, run: distrust },
  sign: { usage: 'sign [--file FILE] [--vault-key KEY]   (a change as JSON from stdin)', run: signIt },
  pending: { usage: 'pending', run: pending },
  confirm: { usage: 'confirm <change id>', needsWord: true, run: confirm },
  refuse: { usage: 'refuse <change id>', needsWord: true, run: refuse },
};

export const owner: Command = {
  summary: 'Keys that may sign for you, and changes that wait for your word.',
  usage: '<action> …',
  flags: [
    { name: 'file', value: 'FILE', help: 'the owner key (owner.key in the home directory)' },
    { name: 'passphrase', help: 'seal the new key under a passphrase' },
    { name: 'with', value: 'SCOPE,…', help: `what the key may do: ${OWNER_SCOPES.join(', ')}` },
    { name: 'label', value: 'NAME', help: 'what to call the key' },
    { name: 'vault-key', value: 'KEY', help: "the vault's public key, on a machine without it" },
  ],
  words: [1, 2],
  notes: `Actions:\n${Object.values(ACTIONS)
    .map(({ usage }) => `  ${usage}`)
    .join('\n')}`,
  run: async (context, args) => {
    const [name = '', word = ''] = args.words;
    const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
    if (!action) throw unknownAction(name);
    if (action.needsWord && word === '')
      throw new HoldfastError('bad-request', `usage: holdfast owner ${action.usage}`);
    for (const line of await action.run({ vault: credentialsOf(context.home), context, args, word }))
      context.print(line);
    return 0;
  },
};

const fileOf = ({ args, context }: Call): string => args.text('file') ?? join(context.home.root, 'owner.key');

async function makeKey(call: Call): Promise<string[]> {
  const passphrase = call.args.has('passphrase') ? await readPassphrase(call.context, true) : undefined;
  const path = fileOf(call);
  const publicKey = await makeOwnerKey(path, passphrase);
  const made = await call.vault.trust({
    publicKey,
    label: call.args.text('label') ?? 'owner key',
    scopes: scopesOf(call, OWNER_SCOPES),
  });
  return [`${path} is your key. The vault takes its signature for ${made.scopes.join(', ')}. Its id: ${made.id}`];
}

async function trust(call: Call): Promise<string[]> {
  const label = call.args.text('label') ?? 'browser';
  const made = await call.vault.trust({ publicKey: call.word, label, scopes: scopesOf(call, ['credentials']) });
  return [`${made.id} may sign for: ${made.scopes.join(', ')}.`];
}

async function listKeys({ vault }: Call): Promise<string[]> {
  const keys = await vault.ownerKeys();
  if (keys.length === 0) return ['No key may sign for you. What is widened here, in this terminal, needs none.'];
  const day = (at: number | null): string => (at === null ? 'never' : new Date(at).toISOString().slice(0, 10));
  return table([
    ['id', 'label', 'for', 'since', 'last used'],
    ...keys.map((one) => [one.id, one.label, one.scopes.join(' '), day(one.createdAt), day(one.lastUsedAt)]),
  ]);
}

async function distrust({ vault, word }: Call): Promise<string[]> {
  await vault.distrust(word);
  return [`${word} signs for nothing any more.`];
}

async function signIt(call: Call): Promise<string[]> {
  if (call.context.interactive) throw new HoldfastError('bad-request', 'The change is read from stdin, as JSON.');
  const draft = parsed((await buffer(call.context.stdin)).toString('utf8'));
  const key = await openOwnerKey(fileOf(call), async () => passphraseOf(call));
  const vaultKey = call.args.text('vault-key') ?? (await call.vault.identity()).publicKey;
  return [JSON.stringify(signChange(draft, key, { vaultKey, now: Date.now() }))];
}

/** stdin is taken by the change. */
function passphraseOf({ context }: Call): string {
  const passphrase = context.env.HOLDFAST_OWNER_PASSPHRASE;
  if (passphrase !== undefined) return passphrase;
  throw new HoldfastError('bad-request', 'The owner key is sealed, and stdin holds the change.', {
    remedy: 'Give its passphrase in HOLDFAST_OWNER_PASSPHRASE.',
  });
}

async function pending({ vault }: Call): Promise<string[]> {
  const held = await vault.held();
  if (held.length === 0) return ['Nothing waits for your word.'];
  return held.flatMap(({ id, text, receivedAt }) => [
    `${id}  (${new Date(receivedAt).toISOString()})`,
    `  ${text}`,
    `  holdfast owner confirm ${id}`,
  ]);
}

async function confirm({ vault, word }: Call): Promise<string[]> {
  const change = (await vault.held()).find(({ id }) => id === word);
  await vault.confirm(word);
  return [`Done: ${change?.text ?? word}`];
}

async function refuse({ vault, word }: Call): Promise<string[]> {
  await vault.refuse(word);
  return [`${word} is refused.`];
}

function scopesOf({ args }: Call, otherwise: readonly OwnerScope[]): OwnerScope[] {
  const wanted = args.text('with')?.split(',');
  const scopes = OwnerScope.array().safeParse(wanted ?? otherwise);
  if (scopes.success) return scopes.data;
  throw new HoldfastError('bad-request', `--with ${args.text('with')} is not a list of ${OWNER_SCOPES.join(', ')}`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new HoldfastError('bad-request', 'stdin is not JSON.'); // the parser's message would quote it
  }
}

function unknownAction(name: string): HoldfastError {
  const near = closest(name, Object.keys(ACTIONS));
  return new HoldfastError('bad-request', `holdfast owner has no action ${JSON.stringify(name)}`, {
    remedy: near ? `Did you mean: holdfast owner ${near}` : `It has: ${Object.keys(ACTIONS).join(', ')}.`,
  });
}
