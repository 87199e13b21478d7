import { z } from 'zod';
import { SYSTEM_LABEL } from '../../protocol/label.ts';
import type { TranscriptMessage } from '../../protocol/transcript.ts';
import type { AnyTool, Tool } from './tool.ts';

/**
 * Tools that are needed now and then are not described to a model until it looks for them: what is described costs its
 * text with every message. Being found grants nothing; the run's own list and the gate decide as for any other tool.
 */
export const FIND_TOOLS = 'find_tools';
const MOST_FOUND = 8;

export function createFindTools(tools: () => readonly AnyTool[]): Tool<{ query: string }> {
  const hidden = (): AnyTool[] => tools().filter((tool) => tool.deferred === true);
  return {
    name: FIND_TOOLS,
    get description() {
      const names = hidden().map((tool) => tool.name);
      return `Finds further tools of yours by what they do; those found can be used from your next step on. There are: ${names.join(', ')}.`;
    },
    input: z.strictObject({ query: z.string().min(1).max(200) }),
    risk: 'control',
    idempotent: true,
    parallel: true,
    async execute({ query }) {
      const found = rank(query, hidden()).slice(0, MOST_FOUND);
      const data = { found: found.map((tool) => ({ tool: tool.name, description: tool.description })) };
      return { status: 'ok', text: JSON.stringify(data, undefined, 2), data, label: SYSTEM_LABEL };
    },
  };
}

/** Of a run's tools those that its model is told of: all but the deferred ones that it has not found. */
export function visibleTools(
  names: readonly string[],
  { byName, transcript }: { byName: ReadonlyMap<string, AnyTool>; transcript: readonly TranscriptMessage[] },
): readonly string[] {
  if (!names.includes(FIND_TOOLS)) return names;
  const found = new Set(transcript.flatMap(foundIn));
  return names.filter((name) => byName.get(name)?.deferred !== true || found.has(name));
}

/** A tool that was used once in the conversation stays, too. */
function foundIn(message: TranscriptMessage): string[] {
  if (message.role !== 'tool') return [];
  if (message.tool !== FIND_TOOLS) return [message.tool];
  return [...message.text.matchAll(/"tool": "([a-z0-9_]+)"/g)].map((match) => match[1] ?? '');
}

function rank(query: string, tools: readonly AnyTool[]): AnyTool[] {
  const words = query.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  const score = (tool: AnyTool): number => {
    const text = `${tool.name.replaceAll('_', ' ')} ${tool.description}`.toLowerCase();
    const named = words.filter((word) => tool.name.includes(word)).length;
    return named * 3 + words.filter((word) => text.includes(word)).length;
  };
  return tools
    .map((tool) => ({ tool, points: score(tool) }))
    .filter(({ points }) => points > 0)
    .sort((a, b) => b.points - a.points || (a.tool.name < b.tool.name ? -1 : 1))
    .map(({ tool }) => tool);
}
