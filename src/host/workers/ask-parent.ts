import { z } from 'zod';
import { SYSTEM_LABEL } from '../../protocol/label.ts';
import type { Tool } from '../tools/tool.ts';

/** Ends the worker's run with a question; the parent's answer becomes this call's result and the run goes on. */
export function createAskParent(): Tool<{ question: string }> {
  return {
    name: 'ask_parent',
    description:
      'Asks whoever gave you the task one question and waits for the answer. Only for decisions that are not yours.',
    input: z.strictObject({ question: z.string().min(1).max(10_000) }),
    risk: 'control',
    idempotent: false,
    parallel: false,
    question: (input) => input.question,
    // The gate never lets this run: the loop ends with the question instead.
    execute: async () => ({ status: 'error', text: 'This question was not delivered.', label: SYSTEM_LABEL }),
  };
}
