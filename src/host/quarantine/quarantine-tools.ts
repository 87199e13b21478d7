import { z } from 'zod';
import type { JsonValue } from '../../protocol/json.ts';
import { AGENT_LABEL, joinLabels, type Label, SYSTEM_LABEL } from '../../protocol/label.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import type { Statement } from '../../storage/store.ts';
import type { Artifacts } from '../artifacts/artifacts.ts';
import type { AnyTool, Tool, ToolContext } from '../tools/tool.ts';
import { Fields, type Read, readField } from './fields.ts';
import type { UntrustedReader } from './reader.ts';
import type { UntrustedRefs, UntrustedText } from './refs.ts';

const Ref = z.string().regex(/^ref_[0-9a-f]{32}$/, 'a reference looks like ref_ and 32 digits');

const ReadInput = z.strictObject({
  ref: Ref.describe('The reference of a text that was not shown to you'),
  question: z.string().min(1).max(4_000).describe('What to find out from the text'),
  fields: Fields.describe(
    'What to bring back, by name: {"type":"boolean"}, {"type":"choice","of":[…]}, {"type":"number","min":0,"max":9}, {"type":"date"}, {"type":"identifier"} or {"type":"text"} (comes back as another reference)',
  ),
});
type ReadInput = z.infer<typeof ReadInput>;

const DeliverInput = z.strictObject({
  ref: Ref.describe('The reference of a text that was not shown to you'),
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/)
    .default('text.txt')
    .describe('Name of the file that the user gets'),
});
type DeliverInput = z.infer<typeof DeliverInput>;

export const QUARANTINE_TOOLS = ['read_untrusted', 'deliver_untrusted'] as const;

export interface QuarantineToolsDeps {
  readonly refs: UntrustedRefs;
  readonly reader: UntrustedReader;
  readonly artifacts: Artifacts;
  /** The model that a run uses. */
  readonly modelOf: (runId: string) => Promise<string>;
}

/** The two ways to use a text without reading it: ask for typed facts, or hand it over as it is. */
export function createQuarantineTools(deps: QuarantineToolsDeps): AnyTool[] {
  const common = { risk: 'control', idempotent: true, parallel: true } as const;
  const read: Tool<ReadInput> = {
    ...common,
    name: 'read_untrusted',
    description:
      'Has a text that you were not shown read by a separate model without tools, and brings back only the typed fields you name. The text itself cannot reach you.',
    input: ReadInput,
    execute: (input, context) => readTyped(input, { context, deps }),
  };
  const deliver: Tool<DeliverInput> = {
    ...common,
    idempotent: false,
    name: 'deliver_untrusted',
    description: 'Hands a text that you were not shown over to the user as a file, unread by you.',
    input: DeliverInput,
    async execute({ ref, name }, context) {
      const text = await deps.refs.read(ref, context);
      const file = { name, bytes: text.bytes, mediaType: 'text/plain', blob: text.blob };
      const { id } = await deps.artifacts.record(context, file);
      const data = { artifact: id, ...file };
      return { status: 'ok', text: `Handed over as ${name}, ${text.bytes} bytes.`, data, label: SYSTEM_LABEL };
    },
  };
  return [read, deliver];
}

interface Call {
  readonly context: ToolContext;
  readonly deps: QuarantineToolsDeps;
}

async function readTyped(input: ReadInput, { context, deps }: Call): Promise<ToolOutcome> {
  const source = await deps.refs.read(input.ref, context);
  const model = await deps.modelOf(context.runId);
  const { answer, call } = await deps.reader({ ...context, ...input, model, text: source.text });
  await context.record({ type: 'reader.finished', toolCallId: context.callId, ...call });
  if (answer === undefined) {
    return { status: 'error', text: 'The reader gave no answer that fits the fields.', label: SYSTEM_LABEL };
  }
  const found = Object.entries(input.fields).map(
    ([name, field]) => [name, readField(field, answer[name], source.text)] as const,
  );
  const { data, statements } = await toData(found, source, { context, deps });
  await deps.refs.write(statements);
  return { status: 'ok', text: JSON.stringify(data, undefined, 2), data, label: labelOf(found, source.label) };
}

async function toData(
  found: readonly (readonly [string, Read])[],
  source: UntrustedText,
  { context, deps }: Call,
): Promise<{ data: Record<string, JsonValue>; statements: Statement[] }> {
  const data: Record<string, JsonValue> = {};
  const statements: Statement[] = [];
  for (const [name, read] of found) {
    if (read.kind !== 'text') data[name] = read.kind === 'value' ? read.value : null;
    else {
      const { agentId, sessionId, runId } = context;
      const made = await deps.refs.make(read.text, {
        agentId,
        sessionId,
        runId,
        tool: source.tool,
        label: source.label,
      });
      data[name] = { ref: made.id, bytes: made.bytes };
      statements.push(made.statement);
    }
  }
  return { data, statements };
}

/** Values that can carry no instruction are the agent's own. They still tell of what they were read from. */
function labelOf(found: readonly (readonly [string, Read])[], source: Label): Label {
  const hasOthers = found.some(([, read]) => read.kind === 'value' && read.chosenByOthers);
  if (hasOthers) return source;
  const { confidentiality, principals } = source;
  const secrecy: Label = { integrity: 'owner', confidentiality, origins: [], ...(principals ? { principals } : {}) };
  return joinLabels(AGENT_LABEL, secrecy);
}
