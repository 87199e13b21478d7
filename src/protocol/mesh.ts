import { z } from 'zod';
import { JsonValue } from './json.ts';
import { Label } from './label.ts';

/** One key of the blackboard as clients see it. */
export const BlackboardEntry = z.object({
  key: z.string(),
  value: JsonValue,
  version: z.number(),
  writtenBy: z.string(),
  label: Label,
  updatedAt: z.number(),
  expiresAt: z.number().nullable(),
});
export type BlackboardEntry = z.infer<typeof BlackboardEntry>;

/** `put /api/blackboard`. `expectedVersion` 0: only when there is none yet. */
export const WriteBlackboard = z.strictObject({
  key: z.string().min(1).max(512),
  value: JsonValue,
  expectedVersion: z.number().int().min(0).optional(),
  ttlSeconds: z.number().int().positive().optional(),
});

export const TaskView = z.object({
  id: z.string(),
  state: z.string(),
  creator: z.string(),
  assignee: z.string().nullable(),
  team: z.string().nullable(),
  summary: z.string(),
  brief: z.string(),
  note: z.string(),
  result: z.string().nullable(),
  outcome: z.string().nullable(),
  parentId: z.string().nullable(),
  runId: z.string().nullable(),
  priority: z.number(),
  createdAt: z.number(),
  updatedAt: z.number(),
  finishedAt: z.number().nullable(),
});
export type TaskView = z.infer<typeof TaskView>;

/** `post /api/broadcast`: the same words to several agents; absent `agents`: all that are active, without the operator. */
export const Broadcast = z.strictObject({
  text: z.string().min(1).max(200_000),
  agents: z.array(z.string().min(1).max(64)).min(1).max(200).optional(),
});
