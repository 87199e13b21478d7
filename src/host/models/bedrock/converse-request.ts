import type {
  JSONObject,
  JSONValue,
  LanguageModelV4CallOptions,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
} from '@ai-sdk/provider';
import { z } from 'zod';

/** A call in the form of Bedrock's Converse. Pure. */
export function converseRequest(options: LanguageModelV4CallOptions): JSONObject {
  const { prompt, maxOutputTokens, tools, providerOptions } = options;
  const thinking = Thinking.safeParse(providerOptions?.[BEDROCK]);
  const budget = thinking.success ? thinking.data.thinkingTokens : 0;
  const system = prompt.flatMap((message) => (message.role === 'system' ? [{ text: message.content }] : []));
  const toolConfig = toolConfigOf(tools ?? [], prompt);
  return {
    messages: messagesOf(prompt),
    ...(system.length === 0 ? {} : { system }),
    ...(maxOutputTokens === undefined ? {} : { inferenceConfig: { maxTokens: maxOutputTokens + budget } }),
    ...(toolConfig === undefined ? {} : { toolConfig }),
    ...(budget === 0 ? {} : { additionalModelRequestFields: { thinking: { type: 'enabled', budget_tokens: budget } } }),
  };
}

/** Under which name the parts carry what Bedrock attached to them. */
export const BEDROCK = 'bedrock';
const Thinking = z.object({ thinkingTokens: z.number().int().positive() });
const Attached = z.object({ signature: z.string().optional(), redactedData: z.string().optional() });

type Content = Exclude<LanguageModelV4Message['content'], string>[number];

/** Results of tools are said by the user; what follows them from the user belongs to the same message. */
function messagesOf(prompt: LanguageModelV4Prompt): JSONValue[] {
  const messages: { role: 'user' | 'assistant'; content: JSONValue[] }[] = [];
  for (const message of prompt) {
    if (message.role === 'system') continue;
    const role = message.role === 'assistant' ? 'assistant' : 'user';
    const content = message.content.flatMap((part) => contentOf(part));
    const last = messages.at(-1);
    if (content.length === 0) continue;
    if (last?.role === role) last.content.push(...content);
    else messages.push({ role, content });
  }
  return messages;
}

function contentOf(part: Content): JSONValue[] {
  switch (part.type) {
    case 'text':
      return part.text.trim() === '' ? [] : [{ text: part.text }];
    case 'reasoning':
      return reasoningOf(part.text, part.providerOptions?.[BEDROCK]);
    case 'tool-call':
      return [{ toolUse: { toolUseId: part.toolCallId, name: part.toolName, input: inputOf(part.input) } }];
    case 'tool-result': {
      const { output, toolCallId } = part;
      const text = output.type === 'text' || output.type === 'error-text' ? output.value : JSON.stringify(output);
      const status = output.type.startsWith('error') ? 'error' : 'success';
      return [{ toolResult: { toolUseId: toolCallId, content: [{ text }], status } }];
    }
    default:
      return [];
  }
}

/** Without what was attached to it, reasoning is refused. */
function reasoningOf(text: string, options: unknown): JSONValue[] {
  const attached = Attached.safeParse(options);
  const { signature, redactedData } = attached.success ? attached.data : {};
  if (redactedData !== undefined) return [{ reasoningContent: { redactedContent: redactedData } }];
  return signature === undefined ? [] : [{ reasoningContent: { reasoningText: { text, signature } } }];
}

/** A conversation that holds calls is refused without tools, so those it names are described when none is offered. */
function toolConfigOf(
  tools: NonNullable<LanguageModelV4CallOptions['tools']>,
  prompt: LanguageModelV4Prompt,
): JSONObject | undefined {
  const specs = tools.flatMap((tool) =>
    tool.type === 'function' ? [toolSpec(tool.name, tool.description ?? tool.name, toJson(tool.inputSchema))] : [],
  );
  if (specs.length > 0) return { tools: specs };
  const names = new Set(
    prompt.flatMap((message) =>
      message.role === 'assistant'
        ? message.content.flatMap((part) => (part.type === 'tool-call' ? [part.toolName] : []))
        : [],
    ),
  );
  if (names.size === 0) return undefined;
  return { tools: [...names].sort().map((name) => toolSpec(name, 'Not available any more.', { type: 'object' })) };
}

function toolSpec(name: string, description: string, json: JSONValue): JSONObject {
  return { toolSpec: { name, description, inputSchema: { json } } };
}

function inputOf(input: unknown): JSONValue {
  return toJson(typeof input === 'object' && input !== null ? input : {});
}

function toJson(value: unknown): JSONValue {
  const json: JSONValue = JSON.parse(JSON.stringify(value));
  return json;
}
