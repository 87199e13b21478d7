import { z } from 'zod';

/** The wire formats the vault's model proxy speaks. */
export const WIRE_FORMATS = [
  'openai-chat',
  'openai-responses',
  'anthropic-messages',
  'google-generate',
  'bedrock-converse',
] as const;
/** Those whose streams are text: server-sent events. The simulator speaks these. */
export const TEXT_WIRE_FORMATS = ['openai-chat', 'openai-responses', 'anthropic-messages', 'google-generate'] as const;
export type TextWireFormat = (typeof TEXT_WIRE_FORMATS)[number];
export const WireFormat = z.enum(WIRE_FORMATS);
export type WireFormat = z.infer<typeof WireFormat>;

/**
 * How a key goes into a request: as the wire format's header, as Azure's header, as a signature of the request (AWS), or as
 * a token made of a service account's key file (Google).
 */
export const PROVIDER_AUTHS = ['key', 'azure', 'aws', 'google-account'] as const;
export const ProviderAuth = z.enum(PROVIDER_AUTHS);
export type ProviderAuth = z.infer<typeof ProviderAuth>;

export const ProviderId = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, 'use a-z 0-9 - and start with a letter');

/** A provider that Holdfast knows by name. Only its key is missing. */
export interface ProviderPreset {
  readonly id: string;
  readonly title: string;
  readonly wire: WireFormat;
  /** Base URL that the wire format's paths are appended to (`/chat/completions`, `/responses`, `/messages`, `/models/…`). */
  readonly baseUrl: string;
  readonly defaultModel: string;
  /** Key of the vendored price data set; absent where prices must be given by the user or the endpoint is local. */
  readonly pricesAs?: string;
  readonly needsKey: boolean;
  readonly keyHelp?: string;
  /** Default: `key`. */
  readonly auth?: ProviderAuth;
  /** What the address looks like, where everybody has one of their own. */
  readonly baseUrlExample?: string;
}

const preset = (p: ProviderPreset): ProviderPreset => p;

export const PROVIDER_PRESETS: readonly ProviderPreset[] = [
  preset({
    id: 'openai',
    title: 'OpenAI',
    wire: 'openai-responses',
    baseUrl: 'https://api.openai.com/v1',
    defaultModel: 'gpt-5.2',
    pricesAs: 'openai',
    needsKey: true,
    keyHelp: 'platform.openai.com/api-keys',
  }),
  preset({
    id: 'anthropic',
    title: 'Anthropic',
    wire: 'anthropic-messages',
    baseUrl: 'https://api.anthropic.com/v1',
    defaultModel: 'claude-sonnet-4-5',
    pricesAs: 'anthropic',
    needsKey: true,
    keyHelp: 'console.anthropic.com/settings/keys',
  }),
  preset({
    id: 'google',
    title: 'Google Gemini',
    wire: 'google-generate',
    baseUrl: 'https://generativelanguage.googleapis.com/v1beta',
    defaultModel: 'gemini-2.5-flash',
    pricesAs: 'google',
    needsKey: true,
    keyHelp: 'aistudio.google.com/apikey',
  }),
  preset({
    id: 'openrouter',
    title: 'OpenRouter',
    wire: 'openai-chat',
    baseUrl: 'https://openrouter.ai/api/v1',
    defaultModel: 'anthropic/claude-sonnet-4.5',
    pricesAs: 'openrouter',
    needsKey: true,
    keyHelp: 'openrouter.ai/keys',
  }),
  preset({
    id: 'mistral',
    title: 'Mistral',
    wire: 'openai-chat',
    baseUrl: 'https://api.mistral.ai/v1',
    defaultModel: 'mistral-large-latest',
    pricesAs: 'mistral',
    needsKey: true,
    keyHelp: 'console.mistral.ai/api-keys',
  }),
  preset({
    id: 'together',
    title: 'Together AI',
    wire: 'openai-chat',
    baseUrl: 'https://api.together.xyz/v1',
    defaultModel: 'deepseek-ai/DeepSeek-V4-Pro-0813',
    pricesAs: 'together',
    needsKey: true,
    keyHelp: 'api.together.ai/settings/api-keys',
  }),
  preset({
    id: 'groq',
    title: 'Groq',
    wire: 'openai-chat',
    baseUrl: 'https://api.groq.com/openai/v1',
    defaultModel: 'openai/gpt-oss-120b',
    pricesAs: 'groq',
    needsKey: true,
    keyHelp: 'console.groq.com/keys',
  }),
  preset({
    id: 'deepseek',
    title: 'DeepSeek',
    wire: 'openai-chat',
    baseUrl: 'https://api.deepseek.com/v1',
    defaultModel: 'deepseek-v4-pro',
    pricesAs: 'deepseek',
    needsKey: true,
    keyHelp: 'platform.deepseek.com/api_keys',
  }),
  preset({
    id: 'xai',
    title: 'xAI',
    wire: 'openai-chat',
    baseUrl: 'https://api.x.ai/v1',
    defaultModel: 'grok-4.7',
    pricesAs: 'xai',
    needsKey: true,
    keyHelp: 'console.x.ai',
  }),
  preset({
    id: 'moonshot',
    title: 'Moonshot AI',
    wire: 'openai-chat',
    baseUrl: 'https://api.moonshot.ai/v1',
    defaultModel: 'kimi-k3',
    pricesAs: 'moonshotai',
    needsKey: true,
    keyHelp: 'platform.moonshot.ai/console/api-keys',
  }),
  preset({
    id: 'minimax',
    title: 'MiniMax',
    wire: 'anthropic-messages',
    baseUrl: 'https://api.minimax.io/anthropic/v1',
    defaultModel: 'MiniMax-M3',
    pricesAs: 'minimax',
    needsKey: true,
    keyHelp: 'platform.minimax.io',
  }),
  preset({
    id: 'zai',
    title: 'Z.ai',
    wire: 'openai-chat',
    baseUrl: 'https://api.z.ai/api/paas/v4',
    defaultModel: 'glm-5.3',
    pricesAs: 'zai',
    needsKey: true,
    keyHelp: 'z.ai/manage-apikey',
  }),
  preset({
    id: 'azure',
    title: 'Azure OpenAI',
    wire: 'openai-responses',
    baseUrl: '',
    baseUrlExample: 'https://RESOURCE.openai.azure.com/openai/v1',
    defaultModel: 'gpt-5.2',
    pricesAs: 'azure',
    needsKey: true,
    auth: 'azure',
    keyHelp: 'Keys and Endpoint of the resource; the model is the name of your deployment',
  }),
  preset({
    id: 'bedrock',
    title: 'Amazon Bedrock',
    wire: 'bedrock-converse',
    baseUrl: '',
    baseUrlExample: 'https://bedrock-runtime.us-east-1.amazonaws.com',
    defaultModel: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
    pricesAs: 'amazon-bedrock',
    needsKey: true,
    auth: 'aws',
    keyHelp: 'ACCESS_KEY_ID:SECRET_ACCESS_KEY, or a Bedrock API key',
  }),
  preset({
    id: 'vertex',
    title: 'Google Vertex AI',
    wire: 'google-generate',
    baseUrl: '',
    baseUrlExample: 'https://aiplatform.googleapis.com/v1/projects/PROJECT/locations/global/publishers/google',
    defaultModel: 'gemini-2.5-flash',
    pricesAs: 'google-vertex',
    needsKey: true,
    auth: 'google-account',
    keyHelp: 'the JSON key file of a service account: --api-key-stdin < key.json',
  }),
  preset({
    id: 'ollama',
    title: 'Ollama (on this machine)',
    wire: 'openai-chat',
    baseUrl: 'http://127.0.0.1:11434/v1',
    defaultModel: 'llama3.2',
    needsKey: false,
  }),
  preset({
    id: 'openai-compatible',
    title: 'Any OpenAI-compatible endpoint',
    wire: 'openai-chat',
    baseUrl: '',
    defaultModel: '',
    needsKey: false,
  }),
];

/** `provider/model`, split at the first slash: `openrouter/anthropic/claude` is provider `openrouter`. */
export const ModelRef = z.string().regex(/^[a-z][a-z0-9-]{0,39}\/\S+$/, 'expected provider/model, e.g. openai/gpt-5.2');

/** `chain/<name>` is not a model of a provider but a list of them (`models.chains` of config.json); no provider has this id. */
export const CHAIN_PREFIX = 'chain/';

export function splitModelRef(ref: string): { provider: string; model: string } {
  const slash = ref.indexOf('/');
  return { provider: ref.slice(0, slash), model: ref.slice(slash + 1) };
}

/** The provider id under which `holdfast start` registers the built-in simulator. */
export const SIMULATOR_PROVIDER = 'simulator';
