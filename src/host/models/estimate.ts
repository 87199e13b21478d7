import type { ToolDescription } from '../../protocol/tool.ts';
import type { TranscriptMessage } from '../../protocol/transcript.ts';

/** Tokens of a text by the rule of thumb of four characters each. Good to a factor of about 1.5 either way. */
export function estimateTokens(text: string): number {
  return Math.ceil(text.length / 4);
}

/** What a message costs beyond its texts: role, separators, ids. */
const PER_MESSAGE = 4;

export function estimateMessage(message: TranscriptMessage): number {
  if (message.role !== 'assistant') return PER_MESSAGE + estimateTokens(message.text);
  return message.parts.reduce((sum, part) => {
    const opaque = part.opaque === undefined ? 0 : estimateTokens(JSON.stringify(part.opaque));
    if (part.type !== 'tool-call') return sum + opaque + estimateTokens(part.text);
    return sum + opaque + PER_MESSAGE + estimateTokens(part.tool) + estimateTokens(JSON.stringify(part.input));
  }, PER_MESSAGE);
}

export function estimateTranscript(transcript: readonly TranscriptMessage[]): number {
  return transcript.reduce((sum, message) => sum + estimateMessage(message), 0);
}

export function estimateTools(tools: readonly ToolDescription[]): number {
  return tools.reduce((sum, tool) => sum + PER_MESSAGE + estimateTokens(JSON.stringify(tool)), 0);
}
