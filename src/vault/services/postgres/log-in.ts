import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { type Message, readError, writeMessage } from './messages.ts';
import type { MessageReader } from './reader.ts';
import { createScram, type Scram } from './scram.ts';

/**
 * Logs in at the server with a password that nobody else sees: SCRAM-SHA-256, MD5 or, inside TLS alone, cleartext. What the
 * server says afterwards, from `AuthenticationOk` on, is the client's.
 */
export interface Login {
  readonly user: string;
  readonly password: string;
  /** Whether the connection is TLS: only then may a password be shown. */
  readonly isSecure: boolean;
}

export class LoginRefused extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const AUTH = { ok: 0, cleartext: 3, md5: 5, sasl: 10, saslContinue: 11, saslFinal: 12 } as const;
const MECHANISM = 'SCRAM-SHA-256';
const INVALID_PASSWORD = '28P01';

/** Resolves when the server said yes. */
export async function logIn(server: Duplex, reader: MessageReader, login: Login): Promise<void> {
  let scram: Scram | undefined;
  for (;;) {
    const message = await reader.next();
    const step = stepOf(message);
    const data = message.body.subarray(4);
    if (step === AUTH.ok) return;
    if (step === AUTH.cleartext) server.write(writeMessage('p', shown(login)));
    else if (step === AUTH.md5) server.write(writeMessage('p', md5Of(login, data.subarray(0, 4))));
    else if (step === AUTH.sasl) {
      if (!data.toString('utf8').split('\0').includes(MECHANISM)) throw refused('it offers no SCRAM-SHA-256');
      scram = createScram(login.password);
      const first = Buffer.from(scram.first);
      const length = Buffer.alloc(4);
      length.writeInt32BE(first.length);
      server.write(writeMessage('p', MECHANISM, length, first));
    } else if (step === AUTH.saslContinue && scram) {
      server.write(writeMessage('p', Buffer.from(await scram.final(data.toString('utf8')))));
    } else if (step === AUTH.saslFinal && scram) scram.check(data.toString('utf8'));
    else throw refused(`it asks for a way to log in that is not supported (${step})`);
  }
}

function stepOf({ type, body }: Message): number {
  if (type === 'E') {
    const { code, message } = readError(body);
    throw new LoginRefused(code, message);
  }
  if (type !== 'R' || body.length < 4) throw refused('it does not speak as a PostgreSQL server does');
  return body.readInt32BE(0);
}

function shown({ password, isSecure }: Login): string {
  if (isSecure) return password;
  throw refused('it wants the password in the clear, outside TLS');
}

function md5Of({ user, password }: Login, salt: Buffer): string {
  const md5 = (data: string | Buffer): string => createHash('md5').update(data).digest('hex');
  return `md5${md5(Buffer.concat([Buffer.from(md5(`${password}${user}`)), salt]))}`;
}

const refused = (reason: string): LoginRefused =>
  new LoginRefused(INVALID_PASSWORD, `the server cannot be logged in at: ${reason}`);
