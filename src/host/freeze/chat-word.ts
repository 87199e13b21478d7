import { AgentId } from '../../protocol/ids.ts';
import type { Principal } from '../control.ts';
import type { Freeze } from './freeze.ts';
import { EVERYTHING } from './frozen-set.ts';

/**
 * The kill switch as a message: exactly the word, or the word and an agent, from a person who may pull it. The host reads
 * it before any model does, and no model's text ever comes this way.
 */
export interface ChatWord {
  /** What to answer; `undefined`: the message is no such word, or its sender may not say it. */
  answer(text: string, sender: Principal): Promise<string | undefined>;
}

export interface ChatWordDeps {
  readonly freeze: Pick<Freeze, 'freeze'>;
  readonly word: string;
  readonly mayFreeze: (sender: Principal, scope: string) => Promise<boolean>;
}

export function createChatWord({ freeze, word, mayFreeze }: ChatWordDeps): ChatWord {
  return {
    answer: async (text, sender) => {
      const scope = scopeIn(text, word);
      if (scope === undefined || !(await mayFreeze(sender, scope))) return undefined;
      const wanted = { scope, reason: 'said in a chat', actor: sender.id, surface: sender.surface };
      const { vault, ms } = await freeze.freeze(wanted);
      const what = scope === EVERYTHING ? 'Everything is' : `${scope} is`;
      const resume = scope === EVERYTHING ? 'holdfast resume' : `holdfast resume --agent ${scope}`;
      const doors = vault ? '' : ' The vault did not answer and is told again.';
      return `${what} frozen (${ms} ms).${doors} To go on: \`${resume}\` on the machine, or the dashboard with your second factor.`;
    },
  };
}

function scopeIn(text: string, word: string): string | undefined {
  const said = text.trim();
  if (said === word) return EVERYTHING;
  if (!said.startsWith(`${word} `)) return undefined;
  const agent = AgentId.safeParse(said.slice(word.length + 1).trim());
  return agent.success ? agent.data : undefined;
}
