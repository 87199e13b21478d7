import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { type CredentialKind, CredentialParts } from '../../protocol/credential.ts';
import { CREDENTIAL_KINDS } from '../../protocol/credential-kinds.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { CliContext } from '../command.ts';

/**
 * The parts of a credential: asked for without an echo in a terminal, else from stdin. One value comes as it is; of the
 * kinds with several parts, stdin is a JSON object with them (of a Google service account, the very key file).
 */
export async function readParts(context: CliContext, kind: CredentialKind): Promise<CredentialParts> {
  const { required, optional } = CREDENTIAL_KINDS[kind];
  const known: readonly string[] = [...required, ...optional];
  if (!context.interactive) return partsOf(kind, (await buffer(context.stdin)).toString('utf8'), known);
  const parts: Record<string, string> = {};
  for (const part of required) parts[part] = await ask(part);
  return parts;
}

/** One line of secret text: a passphrase. */
export async function readPassphrase(context: CliContext, twice: boolean): Promise<string> {
  if (!context.interactive) return withoutNewline((await buffer(context.stdin)).toString('utf8'));
  const first = await ask('Passphrase');
  if (!twice || (await ask('Once more')) === first) return first;
  throw new HoldfastError('bad-request', 'The two are not the same; nothing was done.');
}

const Fields = z.record(z.string(), z.unknown());

function partsOf(kind: CredentialKind, text: string, known: readonly string[]): CredentialParts {
  if (kind === 'value') return { value: withoutNewline(text) };
  const fields = Fields.safeParse(parsed(text));
  if (!fields.success)
    throw new HoldfastError('bad-request', `A credential of kind ${kind} is read from stdin as one JSON object.`, {
      remedy: `Its fields: ${known.join(', ')}.`,
    });
  // A key file of Google has more in it than is needed; of the other kinds an unknown field is a mistake.
  const wanted = Object.entries(fields.data).filter(
    ([part]) => kind !== 'google-service-account' || known.includes(part),
  );
  return CredentialParts.parse(Object.fromEntries(wanted.map(([part, value]) => [part, String(value)])));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which is secret.
    return undefined;
  }
}

function withoutNewline(text: string): string {
  return text.replace(/\r?\n$/, '');
}

async function ask(message: string): Promise<string> {
  const { isCancel, password } = await import('@clack/prompts');
  const typed = await password({ message });
  if (isCancel(typed)) throw new HoldfastError('cancelled', 'Cancelled; nothing was changed.');
  return typed;
}
