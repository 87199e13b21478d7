import { randomInt } from 'node:crypto';
import { type CredentialCharset, type GenerateCredential, ownNamespace } from '../../protocol/credential.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { Credentials } from './credentials.ts';

const ALPHANUMERIC = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const ALPHABETS: Readonly<Record<CredentialCharset, string>> = {
  urlsafe: `${ALPHANUMERIC}-_`,
  hex: '0123456789abcdef',
  alphanumeric: ALPHANUMERIC,
};
const MOST_PER_AGENT = 100;

/**
 * A secret made inside the vault, in the agent's own namespace. Nobody ever sees it: the agent gets its name. It widens
 * nothing, since nothing outside knows the value yet, so the host may ask for it on an agent's behalf.
 */
export function generateCredential(credentials: Credentials, wanted: GenerateCredential): { readonly name: string } {
  const { agent, length, charset } = wanted;
  const namespace = ownNamespace(agent);
  const made = credentials.list().filter(({ name }) => name.startsWith(namespace)).length;
  if (made >= MOST_PER_AGENT)
    throw new HoldfastError('too-large', `${agent} had ${MOST_PER_AGENT} secrets made already.`, {
      remedy: 'Remove some that are not used: holdfast credentials remove <name>',
    });
  const name = `${namespace}${wanted.name}`.toLowerCase();
  credentials.add(name, {
    facts: { kind: 'value', note: 'made in the vault', places: [] },
    parts: { value: randomText(length, charset) },
  });
  return { name };
}

export function randomText(length: number, charset: CredentialCharset): string {
  const alphabet = ALPHABETS[charset];
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');
}
