import type { Command } from '../command.ts';
import { JSON_FLAG } from '../command.ts';
import { hostOf } from '../connect.ts';
import { cardLines } from '../render/card.ts';
import type { Paint } from '../render/paint.ts';
import { plainText } from '../render/plain-text.ts';
import { duration } from '../render/units.ts';

export const pending: Command = {
  summary: 'List the approvals that wait for you.',
  usage: '[--json]',
  flags: [JSON_FLAG],
  words: [0, 0],
  run: async (context, args) => {
    const approvals = await hostOf(context.home).approvals('pending');
    if (args.has('json')) {
      context.print(JSON.stringify(approvals));
      return 0;
    }
    if (approvals.length === 0) context.print('Nothing waits for you.');
    for (const approval of approvals) {
      for (const line of cardLines(approval, context.paint)) context.print(line);
      const left = duration(Math.max(0, approval.expiresAt - Date.now()));
      const word = approval.nonce ?? approval.id;
      const way = approval.nonce === undefined ? `holdfast approve ${word}` : `holdfast confirm ${word}`;
      context.print(`  ${way}   ${context.paint.dim(`expires in ${left}`)}`);
      for (const offer of approval.offers ?? []) context.print(offerLine(way, offer, context.paint));
      context.print('');
    }
    return 0;
  },
};

function offerLine(way: string, offer: { width: 'exact' | 'similar'; words: string }, paint: Paint): string {
  const flag = offer.width === 'similar' ? ' --similar' : '';
  return paint.dim(`  ${way} --for task|week|always${flag}   ${plainText(offer.words)}`);
}
