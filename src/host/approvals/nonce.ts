import { randomBytes } from 'node:crypto';

/**
 * The word by which a person names one question: in a chat's reply, on the command line. Host code shows it on the card
 * and nowhere else; no model ever reads it, so none can put it into somebody's mouth. It works once: the answer takes it
 * away.
 */
const LETTERS = 'abcdefghjkmnpqrstvwxyz23456789ab';
const LENGTH = 8;

/** Five bits a letter; the two letters that come twice cost nothing that matters at 39 bits. */
export function newNonce(): string {
  return [...randomBytes(LENGTH)].map((byte) => LETTERS[byte % LETTERS.length]).join('');
}

export interface ReplyWord {
  readonly answer: 'allowed' | 'denied';
  readonly nonce: string;
}

const REPLY = /^\s{0,3}(yes|no)[ \t]{1,3}([a-hjkmnp-z2-9]{8})[.!]?\s{0,3}$/i;

/** `yes k7m2pq9x`, and nothing else: a message that only contains such words is a message. */
export function readReply(text: string): ReplyWord | undefined {
  const match = REPLY.exec(text);
  if (match === null) return undefined;
  return {
    answer: match[1]?.toLowerCase() === 'yes' ? 'allowed' : 'denied',
    nonce: (match[2] ?? '').toLowerCase(),
  };
}
