import { createHash } from 'node:crypto';
import { z } from 'zod';
import { Expectation } from '../../protocol/expectation.ts';
import { canonicalJson, type JsonValue } from '../../protocol/json.ts';
import { TypedFields } from '../quarantine/fields.ts';
import type { Folder } from '../runs/spec.ts';
import { described } from '../tools/light-schema.ts';

const AllowedPath = z.strictObject({ path: z.string().min(1), mode: z.enum(['ro', 'rw']).default('ro') });

/** One task for one worker, as a model gives it. */
export const WorkerTask = z.strictObject({
  template: z.string().describe('Which kind of worker, by its id'),
  task: z.string().min(1).max(50_000).describe('The whole task; the worker sees nothing else of this conversation'),
  inputs: z.record(z.string(), z.unknown()).optional().describe('Data for the task, as JSON'),
  allowed_paths: z
    .array(AllowedPath)
    .max(10)
    .optional()
    .describe('Folders of the owner that the worker may see, by absolute path. The owner is asked to confirm.'),
  tools: z.array(z.string()).min(1).optional().describe('Fewer tools than its template has'),
  result_fields: described(
    TypedFields,
    'Have only these fields back instead of text, such as {"open":{"type":"boolean"}}: what the worker read cannot reach you',
  ).optional(),
  expects: z
    .array(
      described(
        Expectation,
        '{kind:"file",path,sha256?,min_bytes?,max_bytes?}, {kind:"http",url,status?} or {kind:"test",command,exit_code?}',
      ),
    )
    .max(10)
    .optional()
    .describe('What the host checks itself before done is believed'),
  max_steps: z.number().int().min(1).max(500).optional(),
  timeout_ms: z.number().int().min(1_000).max(14_400_000).optional(),
});
export type WorkerTask = z.infer<typeof WorkerTask>;

/**
 * Two launches with the same signature are the same work: same template, same words but for case, space and punctuation,
 * same data and folders.
 */
export function taskSignature(template: string, task: WorkerTask, folders: readonly Folder[]): string {
  const words = task.task.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const data: JsonValue = {
    template,
    words: words.join(' '),
    inputs: (task.inputs ?? {}) as JsonValue,
    folders: folders.map((folder) => `${folder.path} ${folder.mode}`).sort(),
  };
  return createHash('sha256').update(canonicalJson(data)).digest('hex');
}
