import { HoldfastError } from '../../protocol/error.ts';
import type { Principal } from '../control.ts';
import type { Approvals } from './approvals.ts';
import { readReply } from './nonce.ts';

/**
 * A person's answer to a question as a message of its own: `yes k7m2pq9x`. Host code reads it, word for word; what looks
 * like one never reaches a model, known or not, so no model learns a nonce or takes a yes for its own.
 */
export interface Replies {
  /** What the person is told; undefined: it is no answer but a message. */
  take(text: string, principal: Principal): Promise<Reply | undefined>;
}

export interface Reply {
  /** What was said, without the word that names the question. */
  readonly said: string;
  readonly told: string;
}

export function createReplies(approvals: Approvals): Replies {
  return {
    async take(text, principal) {
      const word = readReply(text);
      if (word === undefined) return undefined;
      const said = word.answer === 'allowed' ? 'yes' : 'no';
      const row = await approvals.named(word.nonce);
      if (row === undefined)
        return { said, told: 'No question waits under this word: it was answered or has expired.' };
      try {
        await approvals.decide(row.id, word.answer, principal);
        return { said, told: word.answer === 'allowed' ? 'Allowed, this once.' : 'Denied.' };
      } catch (thrown) {
        const error = HoldfastError.from(thrown);
        if (error.code !== 'conflict' && error.code !== 'forbidden') throw thrown;
        return { said, told: `${error.message} ${error.remedy ?? ''}`.trim() };
      }
    },
  };
}
