import type { JSONObject } from '@ai-sdk/provider';
import type { JsonValue } from '../../protocol/json.ts';
import type { WireFormat } from '../../protocol/provider.ts';
import { REASONING_NAMESPACE } from './reasoning-fields.ts';

/** What each wire format attaches to parts: where it stands in `opaque`, and which field makes an otherwise empty part count. */
const NAMESPACES: Readonly<Record<WireFormat, { readonly name: string; readonly carriers: readonly string[] }>> = {
  'openai-chat': { name: REASONING_NAMESPACE, carriers: ['textField', 'details'] },
  'openai-responses': { name: 'openai', carriers: ['reasoningEncryptedContent', 'itemId'] },
  'anthropic-messages': { name: 'anthropic', carriers: ['signature', 'redactedData'] },
  'google-generate': { name: 'google', carriers: ['thoughtSignature'] },
  'bedrock-converse': { name: 'bedrock', carriers: ['signature', 'redactedData'] },
};

/** The part of `opaque` that this wire format understands, in the form in which it is given back. */
export function attachmentFor(opaque: JsonValue | undefined, wire: WireFormat): Record<string, JSONObject> | undefined {
  const { name } = NAMESPACES[wire];
  if (!isObject(opaque)) return undefined;
  const value = opaque[name];
  return isObject(value) ? { [name]: value } : undefined;
}

/** Whether reasoning, or a text without words, is worth sending for what is attached to it. */
export function isCarrier(opaque: JsonValue | undefined, wire: WireFormat): boolean {
  const { name, carriers } = NAMESPACES[wire];
  const attached = attachmentFor(opaque, wire)?.[name];
  return attached !== undefined && carriers.some((field) => attached[field] !== undefined && attached[field] !== null);
}

function isObject(value: JsonValue | undefined): value is { [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
