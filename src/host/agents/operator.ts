import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OPERATOR_TOOLS } from '../tools/toolbox.ts';

/** The operator as this version ships it. */
export async function readOperator(root: string): Promise<{ instructions: string; tools: readonly string[] }> {
  const instructions = await readFile(join(root, 'templates/agents/operator.md'), 'utf8');
  return { instructions: instructions.trim(), tools: OPERATOR_TOOLS };
}

/** What every other agent is told first, as this version ships it. */
export async function readAgentBase(root: string): Promise<string> {
  return (await readFile(join(root, 'templates/agents/agent.md'), 'utf8')).trim();
}
