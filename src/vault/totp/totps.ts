import { randomBytes } from 'node:crypto';
import { matchTotp, toBase32 } from '../../base/totp.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { TotpSetup } from '../../protocol/totp.ts';
import type { Meta } from '../store/meta.ts';
import type { Secrets } from '../store/secrets.ts';

/**
 * Second factors. The keys are sealed like every secret and the codes are judged here, so that a host in which an attacker
 * runs code can neither make a code nor claim that one was given. A code is good once; after five wrong ones there is a
 * pause, which the next wrong one begins anew.
 */
export interface Totps {
  /** A new key, shown this once. It replaces one that was never confirmed; one in use has to be removed first. */
  begin(subject: string): TotpSetup;
  /** The first right code puts the key in force. */
  confirm(subject: string, code: string): void;
  /** Throws `unauthenticated`, `rate-limited`, or `not-found` when there is none. */
  check(subject: string, code: string): void;
  remove(subject: string): void;
  subjects(): readonly string[];
}

export interface TotpsDeps {
  readonly secrets: Secrets;
  readonly meta: Meta;
  readonly now: () => number;
}

const KEY_BYTES = 20;
const MOST_WRONG = 5;
const PAUSE_MS = 300_000;
const ACTIVE = 'totp.';
const PENDING = 'totp-pending.';

export function createTotps({ secrets, meta, now }: TotpsDeps): Totps {
  const judge = (subject: string, name: string, code: string): void => {
    const failures = wrongOnes(meta, subject);
    if (failures.count >= MOST_WRONG && now() - failures.at < PAUSE_MS) throw pause(PAUSE_MS - (now() - failures.at));
    const step = matchTotp(Buffer.from(secrets.reveal(name), 'hex'), code, now());
    if (step === undefined || step <= Number(meta.get(`totp-used.${subject}`) ?? -1)) {
      const count = now() - failures.at < PAUSE_MS ? failures.count + 1 : 1;
      meta.set(`totp-wrong.${subject}`, JSON.stringify({ count, at: now() }));
      throw new HoldfastError('unauthenticated', 'This code is wrong, too old, or was used already.', {
        remedy: 'Wait for the next code of your authenticator and type that.',
      });
    }
    meta.set(`totp-used.${subject}`, String(step));
    meta.set(`totp-wrong.${subject}`, JSON.stringify({ count: 0, at: 0 }));
  };
  return {
    begin: (subject) => {
      if (secrets.has(ACTIVE + subject))
        throw new HoldfastError('conflict', `${subject} has a second factor already.`, {
          remedy: 'Remove it first: holdfast totp remove',
        });
      const key = randomBytes(KEY_BYTES);
      secrets.put(PENDING + subject, Buffer.from(key.toString('hex')));
      const secret = toBase32(key);
      const uri = `otpauth://totp/Holdfast:${encodeURIComponent(subject)}?secret=${secret}&issuer=Holdfast`;
      return { secret, uri };
    },
    confirm: (subject, code) => {
      if (!secrets.has(PENDING + subject))
        throw new HoldfastError('not-found', `No second factor of ${subject} waits for its first code.`, {
          remedy: 'Begin with: holdfast totp setup',
        });
      judge(subject, PENDING + subject, code);
      secrets.put(ACTIVE + subject, Buffer.from(secrets.reveal(PENDING + subject)));
      secrets.delete(PENDING + subject);
    },
    check: (subject, code) => {
      if (!secrets.has(ACTIVE + subject))
        throw new HoldfastError('not-found', `${subject} has no second factor.`, {
          remedy: 'Set one up with `holdfast totp setup`, or go on in the terminal of the machine.',
        });
      judge(subject, ACTIVE + subject, code);
    },
    remove: (subject) => {
      if (!secrets.has(ACTIVE + subject)) throw new HoldfastError('not-found', `${subject} has no second factor.`);
      secrets.delete(ACTIVE + subject);
    },
    subjects: () =>
      secrets
        .names()
        .filter((name) => name.startsWith(ACTIVE))
        .map((name) => name.slice(ACTIVE.length)),
  };
}

/** Kept in the database: a restart gives no new guesses. */
function wrongOnes(meta: Meta, subject: string): { count: number; at: number } {
  const kept: unknown = JSON.parse(meta.get(`totp-wrong.${subject}`) ?? 'null');
  if (typeof kept !== 'object' || kept === null || !('count' in kept) || !('at' in kept)) return { count: 0, at: 0 };
  return { count: Number(kept.count), at: Number(kept.at) };
}

function pause(waitMs: number): HoldfastError {
  return new HoldfastError('rate-limited', 'Too many wrong codes.', {
    remedy: `Wait ${Math.ceil(waitMs / 1_000)} seconds, then try again.`,
    retryAfterMs: waitMs,
    retryable: true,
  });
}
