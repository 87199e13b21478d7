import { request } from '../../base/http.ts';
import { uuidv7 } from '../../base/id.ts';
import { ERROR_CODES, type ErrorCode, HoldfastError } from '../../protocol/error.ts';
import type { WireFormat } from '../../protocol/provider.ts';
import { CALL_HEADERS } from '../../protocol/vault-api.ts';
import { oneLine } from '../render/plain-text.ts';
import type { ProviderPlan } from './provider-plan.ts';

/** The smallest call each wire format allows. OpenAI's Responses API accepts no limit under 16 tokens. */
const SMALLEST: Readonly<Record<WireFormat, (model: string) => { path: string; body: object }>> = {
  'openai-chat': (model) => ({
    path: '/chat/completions',
    body: { model, max_tokens: 1, messages: [{ role: 'user', content: 'Hi' }] },
  }),
  'openai-responses': (model) => ({
    path: '/responses',
    body: { model, max_output_tokens: 16, store: false, input: 'Hi' },
  }),
  'anthropic-messages': (model) => ({
    path: '/messages',
    body: { model, max_tokens: 1, messages: [{ role: 'user', content: 'Hi' }] },
  }),
  'google-generate': (model) => ({
    path: `/models/${model}:generateContent`,
    body: { contents: [{ role: 'user', parts: [{ text: 'Hi' }] }], generationConfig: { maxOutputTokens: 1 } },
  }),
  'bedrock-converse': (model) => ({
    path: `/model/${encodeURIComponent(model)}/converse`,
    body: { messages: [{ role: 'user', content: [{ text: 'Hi' }] }], inferenceConfig: { maxTokens: 1 } },
  }),
};
const TIMEOUT_MS = 60_000;

/** One real call through the vault's model proxy; throws with what is wrong and what to do about it. */
export async function testCall(ownerSocket: string, plan: ProviderPlan): Promise<{ durationMs: number }> {
  const { path, body } = SMALLEST[plan.setting.wire](plan.model);
  const startedAt = performance.now();
  const reply = await post(ownerSocket, `/model/${plan.id}${path}`, JSON.stringify(body));
  if (reply.status >= 200 && reply.status < 300) return { durationMs: performance.now() - startedAt };
  throw reply.error ?? fromStatus(reply, plan);
}

interface Reply {
  readonly status: number;
  readonly text: string;
  readonly error: HoldfastError | undefined;
}

function post(socketPath: string, path: string, body: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      socketPath,
      path,
      method: 'POST',
      agent: false,
      timeout: TIMEOUT_MS,
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        [CALL_HEADERS.agent]: 'operator',
        [CALL_HEADERS.call]: `setup-${uuidv7()}`,
      },
    });
    outgoing.on('timeout', () => outgoing.destroy(new HoldfastError('timeout', 'No answer within a minute.')));
    outgoing.on('error', (cause) => reject(HoldfastError.from(cause, 'vault.unreachable')));
    outgoing.on('response', (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: incoming.statusCode ?? 0, text, error: headerError(incoming.headers[CALL_HEADERS.error]) });
      });
    });
    outgoing.end(body);
  });
}

function headerError(header: string | string[] | undefined): HoldfastError | undefined {
  if (typeof header !== 'string') return undefined;
  const shape: unknown = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
  if (typeof shape !== 'object' || shape === null || !('code' in shape) || !('message' in shape)) return undefined;
  const code = ERROR_CODES.find((known) => known === shape.code) ?? 'internal';
  const remedy = 'remedy' in shape && typeof shape.remedy === 'string' ? shape.remedy : undefined;
  return new HoldfastError(code, String(shape.message), { remedy: remedy ?? REMEDIES[code] });
}

const REMEDIES: Partial<Record<ErrorCode, string>> = {
  'model.auth': 'Check the key (copied whole? for this provider?) and run setup again.',
  'model.unreachable': 'Check that the address is right and the provider is up, then run setup again.',
  'model.unpriced': 'Give its price: --input-price USD --output-price USD, per million tokens.',
};

function fromStatus({ status, text }: Reply, plan: ProviderPlan): HoldfastError {
  const said = text === '' ? '' : ` It said: ${oneLine(text, 300)}`;
  const fail = (code: ErrorCode, message: string, remedy: string) =>
    new HoldfastError(code, message + said, { remedy });
  const { title, model } = plan;
  if (status === 401 || status === 403)
    return fail('model.auth', `${title} refused the key (HTTP ${status}).`, REMEDIES['model.auth'] ?? '');
  if (status === 402)
    return fail('model.billing', `${title} wants money first.`, 'Add credit there, then run setup again.');
  if (status === 404)
    return fail('model.refused', `${title} does not know "${model}" (HTTP 404).`, 'Check --model and --base-url.');
  if (status === 429)
    return fail('model.rate-limited', `${title} is rate-limiting this key.`, 'Wait a moment, or use --no-test.');
  if (status >= 500)
    return fail('model.overloaded', `${title} is in trouble (HTTP ${status}).`, 'Try again, or use --no-test.');
  return fail(
    'model.bad-response',
    `${title} refused the test call (HTTP ${status}).`,
    'Check --model and --base-url.',
  );
}
