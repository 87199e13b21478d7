import { z } from 'zod';
import { JsonValue } from '../protocol/json.ts';
import { WireFormat } from '../protocol/provider.ts';
import { templateProblems } from './template-check.ts';

/**
 * The scenario language: ordered rules, first match answers. docs/simulator.md describes it for people; every problem
 * of a file is reported at once, with its path.
 */
const Pattern = z.string().superRefine((source, context) => {
  try {
    new RegExp(source, 'iu');
  } catch (error) {
    context.addIssue({ code: 'custom', message: `no valid regular expression: ${String(error)}` });
  }
});
const Count = z.union([
  z.number().int().nonnegative(),
  z.strictObject({ min: z.number().int().nonnegative().optional(), max: z.number().int().nonnegative().optional() }),
]);
export type Count = z.infer<typeof Count>;
const AfterBytes = z.number().int().nonnegative().default(0);

/** All conditions must hold. Patterns ignore case and are searched anywhere; their named groups become captures. */
export const When = z.strictObject({
  /** Text of a user message that the model has not answered yet. */
  user: Pattern.optional(),
  /** Text of the newest user message, answered or not. */
  request: Pattern.optional(),
  /** The system prompt contains this text. */
  system: z.string().optional(),
  /** All of these tools are offered. */
  tools: z.array(z.string()).optional(),
  /** None of these tools is offered. */
  withoutTools: z.array(z.string()).optional(),
  /** A tool result that the model has not answered yet. */
  toolResult: z
    .strictObject({
      tool: z.string().optional(),
      matches: Pattern.optional(),
      /** The result is JSON and has these fields. */
      json: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).optional(),
    })
    .optional(),
  /** Tool results in the whole conversation. */
  toolResults: Count.optional(),
  /** 1 for the first answer of a conversation, 2 for the second … */
  step: Count.optional(),
  /** 1 for the first model call this simulator receives since its start or reset … */
  call: Count.optional(),
  model: Pattern.optional(),
  wire: WireFormat.optional(),
});
export type When = z.infer<typeof When>;

const ScriptedCall = z.union([
  z.strictObject({ tool: z.string(), arguments: z.record(z.string(), JsonValue).default({}) }),
  /** Sent as it stands, e.g. broken JSON. */
  z.strictObject({ tool: z.string(), rawArguments: z.string() }),
  z.strictObject({ tool: z.string(), noArguments: z.literal(true) }),
]);

export const Fault = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('http'),
    status: z.number().int().min(300).max(599),
    message: z.string().optional(),
    code: z.string().optional(),
    /** Replaces the vendor's body: a string as it stands, anything else as JSON. */
    body: JsonValue.optional(),
    headers: z.record(z.string(), z.string()).default({}),
    retryAfterSeconds: z.number().nonnegative().optional(),
  }),
  z.strictObject({ type: z.literal('reset'), afterBytes: AfterBytes }),
  /** Sends nothing more; goes on after `forMs`, or never. */
  z.strictObject({ type: z.literal('stall'), afterBytes: AfterBytes, forMs: z.number().int().positive().optional() }),
  z.strictObject({ type: z.literal('garbage'), afterBytes: AfterBytes, base64: z.base64().optional() }),
  /** Ends the body as if it were whole. */
  z.strictObject({ type: z.literal('truncate'), afterBytes: AfterBytes }),
  /** An error in the middle of a stream, as the vendor sends it. */
  z.strictObject({
    type: z.literal('error-event'),
    afterBytes: AfterBytes,
    status: z.number().int().min(400).max(599).default(503),
    message: z.string().default('The server had an error while processing your request.'),
  }),
]);
export type Fault = z.infer<typeof Fault>;

const LARGEST_HUGE_BYTES = 268_435_456;

export const Answer = z.strictObject({
  text: z.string().optional(),
  reasoning: z.string().optional(),
  toolCalls: z.array(ScriptedCall).default([]),
  /** Characters per streamed piece. */
  chunkChars: z.number().int().positive().optional(),
  /** Milliseconds between streamed pieces. */
  paceMs: z.number().int().nonnegative().default(0),
  /** Milliseconds before the first byte. */
  delayMs: z.number().int().nonnegative().default(0),
  usage: z
    .union([
      z.literal('missing'),
      /** Any numbers, absurd ones too. `lateMs`: the numbers trail the rest of the stream. */
      z.strictObject({
        input: z.number().optional(),
        output: z.number().optional(),
        cached: z.number().optional(),
        cacheWrite: z.number().optional(),
        reasoning: z.number().optional(),
        lateMs: z.number().int().nonnegative().optional(),
      }),
    ])
    .optional(),
  stop: z.enum(['end', 'length', 'content-filter']).optional(),
  /** An answer without any content. */
  empty: z.literal(true).optional(),
  /** So many bytes of text after `text`. */
  hugeBytes: z.number().int().positive().max(LARGEST_HUGE_BYTES).optional(),
  fault: Fault.optional(),
});
export type Answer = z.infer<typeof Answer>;

const Extract = z.strictObject({
  from: z.enum(['user', 'assistant', 'system', 'tool-result']),
  tool: z.string().optional(),
  /** The newest text that matches gives its named groups. */
  matches: Pattern,
});

export const Rule = z.strictObject({
  name: z.string().optional(),
  when: When.prefault({}),
  /** After so many uses the rule is skipped. */
  times: z.number().int().positive().optional(),
  extract: z.array(Extract).default([]),
  answer: Answer,
});
export type Rule = z.infer<typeof Rule>;

export const Scenario = z
  .strictObject({
    name: z.string().min(1),
    description: z.string().default(''),
    /** Model ids it answers for; absent: all. */
    models: z.array(z.string()).optional(),
    /** API keys that are accepted; absent: any, also none. */
    keys: z.array(z.string()).optional(),
    rules: z.array(Rule),
  })
  .superRefine((scenario, context) => {
    scenario.rules.forEach((rule, index) => {
      for (const message of templateProblems(rule))
        context.addIssue({ code: 'custom', message, path: ['rules', index, 'answer'] });
    });
  });
export type Scenario = z.infer<typeof Scenario>;
/** What a person writes: defaults may be left out. */
export type ScenarioInput = z.input<typeof Scenario>;

export type ScenarioParse = { ok: true; scenario: Scenario } | { ok: false; problems: readonly string[] };

export function parseScenario(raw: unknown): ScenarioParse {
  const parsed = Scenario.safeParse(raw);
  if (parsed.success) return { ok: true, scenario: parsed.data };
  return {
    ok: false,
    problems: parsed.error.issues.map((issue) => `${issue.path.join('.') || '(whole file)'}: ${issue.message}`),
  };
}
