import type { ApprovalView } from '../../protocol/api.ts';
import type { Paint } from './paint.ts';
import { plainText } from './plain-text.ts';

/** An approval as lines. Every value is the host's rendering of the exact arguments; control characters are removed. */
export function cardLines({ card, agentId }: Pick<ApprovalView, 'card' | 'agentId'>, paint: Paint): string[] {
  const width = Math.max(0, ...card.facts.map((fact) => fact.name.length));
  const facts = card.facts.flatMap((fact) => {
    const [first = '', ...rest] = plainText(fact.value).split('\n');
    const name = plainText(fact.name).padEnd(width);
    return [`│ ${paint.dim(name)}  ${first}`, ...rest.map((line) => `│ ${' '.repeat(width)}  ${line}`)];
  });
  return [
    `${paint.yellow('┌')} ${paint.bold(plainText(card.title))} ${paint.dim(`asked by ${plainText(agentId)}`)}`,
    ...facts,
    `└ ${paint.yellow(plainText(card.risk))}`,
  ];
}
