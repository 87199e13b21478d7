import { cleanText, isClean, revealText } from '../../protocol/clean-text.ts';
import type { ApprovalCard } from '../../protocol/decision.ts';
import type { EventOf, JournalEvent } from '../../protocol/event.ts';
import type { JsonValue } from '../../protocol/json.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import type { RunSpec } from './spec.ts';

/**
 * What a run is told and what it says, without what nobody can see. All of it passes the writer of its journal, so this
 * is the one place that no new tool, channel or surface can forget. Arguments of a call stay as the model wrote them:
 * they are hashed, judged and, where a person must see them, spelled out.
 */
export function cleanEvent(event: JournalEvent): JournalEvent {
  switch (event.type) {
    case 'input.received':
      return isClean(event.text) ? event : { ...event, text: cleanText(event.text) };
    case 'effect.finished':
      return { ...event, outcome: cleanOutcome(event.outcome) };
    case 'run.finished':
      return cleanFinish(event);
    case 'artifact.created':
      return { ...event, name: cleanText(event.name) };
    default:
      return event;
  }
}

/** The rows that end with a run derive from what its journal will say. */
export const cleanFinish = (event: EventOf<'run.finished'>): EventOf<'run.finished'> => ({
  ...event,
  result: { ...event.result, text: cleanText(event.result.text) },
});

/** No tool may fill a context or the journal by itself; those with large outputs keep them as blobs. */
const MOST_CHARS = 400_000;

export function cleanOutcome(outcome: ToolOutcome): ToolOutcome {
  const { text, data, label } = outcome;
  return {
    ...outcome,
    text: cleanText(bounded(text)),
    ...(data === undefined ? {} : { data: cleanJson(data) }),
    label: { ...label, origins: label.origins.map(cleanText) },
  };
}

function bounded(text: string): string {
  if (text.length <= MOST_CHARS) return text;
  const kept = text.slice(0, MOST_CHARS).toWellFormed();
  return `${kept}\n[Holdfast] Cut: only the first ${MOST_CHARS} of ${text.length} characters are kept. Ask for less at once.`;
}

export function cleanJson(value: JsonValue): JsonValue {
  if (typeof value === 'string') return cleanText(value);
  if (Array.isArray(value)) return value.map(cleanJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [cleanText(key), cleanJson(entry)]));
}

/** Persona, configuration and task text of a run. */
export function cleanSpec(spec: RunSpec): RunSpec {
  return {
    ...spec,
    title: cleanText(spec.title),
    systemPrompt: cleanText(spec.systemPrompt),
    input: { ...spec.input, text: cleanText(spec.input.text) },
  };
}

/** What a person answers must show everything that it is bound to. */
export function revealCard(card: ApprovalCard): ApprovalCard {
  return {
    title: revealText(card.title),
    facts: card.facts.map(({ name, value }) => ({ name: revealText(name), value: revealText(value) })),
    risk: revealText(card.risk),
  };
}
