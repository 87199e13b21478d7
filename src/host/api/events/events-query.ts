import { z } from 'zod';

export const EVENTS_PATH = '/api/events';

export const EventsQuery = z.object({
  after: z.coerce.number().int().min(0).optional(),
  sessionId: z.string().min(1).max(64).optional(),
  runId: z.string().min(1).max(64).optional(),
});
export type EventsQuery = z.infer<typeof EventsQuery>;
