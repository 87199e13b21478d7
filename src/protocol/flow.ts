import { z } from 'zod';

/**
 * An owner's word that text of one origin may lead one agent to one sink, for a while: the origin then no longer counts
 * as untrusted there. Patterns know `*`; a sink names its kind, and a URL its whole host, so that no pattern can mean
 * more than it says.
 */
export const SINK_KINDS = [
  'url',
  'template',
  'agent',
  'blackboard',
  'api',
  'browser',
  'mcp',
  'person',
  'path',
  'memory',
  'schedule',
  'skill',
  'egress',
  'tool',
] as const;

const HOST = String.raw`(?:\*\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?`;
const URL_SINK = new RegExp(String.raw`^url:https?://${HOST}/[^\s]*$`);
const OTHER_SINK = new RegExp(String.raw`^(?:${SINK_KINDS.slice(1).join('|')}):[^\s].*$`);

export const SinkPattern = z
  .string()
  .max(1_000)
  .refine(
    (text) => URL_SINK.test(text) || OTHER_SINK.test(text),
    `a sink is one of ${SINK_KINDS.join(', ')}, a colon and a name; a URL needs its whole host and a path, such as url:https://api.example.org/*`,
  );

/** `agent`, `template:id` or `*`. */
export const ExceptionSubject = z
  .string()
  .regex(/^(?:\*|[a-z][a-z0-9_-]{0,63}|template:[a-z0-9][a-z0-9_-]{0,63})$/, 'an agent, template:<id> or *');

export const NewFlowException = z.strictObject({
  subject: ExceptionSubject,
  /** `web:docs.example.org`, `file:/home/ada/reports*`, `mcp:*`. */
  origin: z
    .string()
    .min(3)
    .max(500)
    .regex(/^[a-z-]+:\S+$/, 'an origin is a kind, a colon and a name, such as web:docs.example.org'),
  sink: SinkPattern,
  /** How long it holds, in milliseconds; at most a year. */
  forMs: z.number().int().min(60_000).max(31_536_000_000),
  note: z.string().max(500).default(''),
});
export type NewFlowException = z.infer<typeof NewFlowException>;

export const FlowException = z.object({
  id: z.string(),
  subject: z.string(),
  origin: z.string(),
  sink: z.string(),
  note: z.string(),
  createdAt: z.number(),
  createdBy: z.string(),
  expiresAt: z.number(),
});
export type FlowException = z.infer<typeof FlowException>;
