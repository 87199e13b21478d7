import { createHash } from 'node:crypto';
import { canonicalJson, type JsonValue } from '../../protocol/json.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** What an approval is bound to and what the loop ladder compares: the tool and its canonical arguments. */
export function argsHash(tool: string, input: JsonValue): string {
  return sha256(`${tool}\n${canonicalJson(input)}`);
}

export function resultHash(outcome: ToolOutcome): string {
  return sha256(`${outcome.status}\n${outcome.blob ?? outcome.text}`);
}

/** The id of the run that a given effect starts: the same effect, however often repeated, names the same run. */
export function childRunId(effectId: string): string {
  return `run_${sha256(`child:${effectId}`).slice(0, 32)}`;
}

/** Marks the result of one effect in a transcript; the same on every fold, and nothing that a stranger could have guessed. */
export function boundaryOf(effectId: string): string {
  return createHash('sha256').update(`boundary:${effectId}`).digest('base64url').slice(0, 14).replaceAll(/[-_]/g, 'x');
}
