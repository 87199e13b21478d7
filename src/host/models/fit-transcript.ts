import type { ToolMessage, TranscriptMessage } from '../../protocol/transcript.ts';
import { estimateMessage, estimateTokens, estimateTranscript } from './estimate.ts';

/**
 * Cuts a transcript to a token budget. What holds of the result: a call and its result are both there or both gone; the
 * first and the last user message and the newest group stay, then as many of the newest groups as fit, without a hole;
 * one note stands where something was left out; the same input gives the same output. A group is a user message, or an
 * assistant message with the results of its calls. When even the minimum does not fit, the longest tool results are
 * shortened; texts of people and of the model never are.
 */
export interface FittedTranscript {
  readonly transcript: readonly TranscriptMessage[];
  /** Messages left out. */
  readonly omitted: number;
  readonly shortened: number;
}

interface Group {
  readonly indices: readonly number[];
  readonly tokens: number;
  readonly isUser: boolean;
}

const SHORTEST_RESULT_CHARS = 400;

export function fitTranscript(transcript: readonly TranscriptMessage[], budgetTokens: number): FittedTranscript {
  if (estimateTranscript(transcript) <= budgetTokens) return { transcript, omitted: 0, shortened: 0 };
  const kept = chooseGroups(groupMessages(transcript), budgetTokens - estimateMessage(noteOf(transcript.length)));
  const indices = kept.flatMap((group) => group.indices).sort((a, b) => a - b);
  const omitted = transcript.length - indices.length;
  const messages = indices.flatMap((index) => transcript[index] ?? []);
  const gap = indices.findIndex((index, position) => index !== position);
  // Where the first message is missing: before the first that follows. `-1`: only the end is missing, which cannot be.
  const withNote =
    omitted === 0 ? messages : messages.toSpliced(gap === -1 ? messages.length : gap, 0, noteOf(omitted));
  return { ...shortenResults(withNote, budgetTokens), omitted };
}

function groupMessages(transcript: readonly TranscriptMessage[]): Group[] {
  const groups: { indices: number[]; tokens: number; isUser: boolean }[] = [];
  const callers = new Map<string, (typeof groups)[number]>();
  transcript.forEach((message, index) => {
    const owner = message.role === 'tool' ? callers.get(message.callId) : undefined;
    const group = owner ?? { indices: [], tokens: 0, isUser: message.role === 'user' };
    if (owner === undefined) groups.push(group);
    group.indices.push(index);
    group.tokens += estimateMessage(message);
    if (message.role !== 'assistant') return;
    for (const part of message.parts) if (part.type === 'tool-call') callers.set(part.callId, group);
  });
  return groups;
}

function chooseGroups(groups: readonly Group[], budgetTokens: number): Group[] {
  const kept = new Set<Group>();
  const firstUser = groups.find((group) => group.isUser);
  const lastUser = groups.findLast((group) => group.isUser);
  for (const group of [firstUser, lastUser, groups.at(-1)]) if (group !== undefined) kept.add(group);
  let tokens = [...kept].reduce((sum, group) => sum + group.tokens, 0);
  for (const group of groups.toReversed()) {
    if (kept.has(group)) continue;
    tokens += group.tokens;
    if (tokens > budgetTokens) break;
    kept.add(group);
  }
  return groups.filter((group) => kept.has(group));
}

function shortenResults(
  messages: readonly TranscriptMessage[],
  budgetTokens: number,
): { transcript: readonly TranscriptMessage[]; shortened: number } {
  let excess = estimateTranscript(messages) - budgetTokens;
  const shorter = new Map<TranscriptMessage, ToolMessage>();
  const longest = messages
    .filter((message): message is ToolMessage => message.role === 'tool' && message.text.length > SHORTEST_RESULT_CHARS)
    .sort((a, b) => b.text.length - a.text.length);
  for (const message of longest) {
    if (excess <= 0) break;
    const text = middleOut(message.text, Math.max(SHORTEST_RESULT_CHARS, message.text.length - excess * 4));
    excess -= estimateTokens(message.text) - estimateTokens(text);
    shorter.set(message, { ...message, text });
  }
  return { transcript: messages.map((message) => shorter.get(message) ?? message), shortened: shorter.size };
}

/** Head and tail of a text in at most `chars` characters: the end of an output matters as much as its beginning. */
function middleOut(text: string, chars: number): string {
  const marker = `\n… ${text.length - chars} characters left out …\n`;
  const half = Math.max(0, Math.floor((chars - marker.length - 8) / 2));
  const shortened = `${text.slice(0, half).toWellFormed()}${marker}${text.slice(text.length - half).toWellFormed()}`;
  return shortened.length < text.length ? shortened : text;
}

function noteOf(omitted: number): TranscriptMessage {
  const text = `(${omitted} earlier messages were left out here: the conversation no longer fits into the model.)`;
  return { role: 'user', text };
}
