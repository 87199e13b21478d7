import { type ErrorCode, HoldfastError } from '../../protocol/error.ts';
import { waitInWords } from '../../protocol/provider-words.ts';
import { asObject, type Loose } from '../meters/meter.ts';
import type { Provider } from './providers.ts';
import { refusalCode } from './refusal-code.ts';

/**
 * Turns what a provider answered, or how the connection failed, into an error that names the provider and what to do. The
 * provider's own words are passed on cut short and with every known secret replaced; for a refused key they are left out,
 * because some providers repeat a part of the key.
 */
export interface Refusal {
  readonly status: number;
  readonly body: Buffer;
  readonly retryAfter: string | undefined;
  /** Replaces known secrets. */
  readonly redact: (text: string) => string;
}

const PATTERN_CHARS = 4_000;

type Words = (who: string, status: number, said: string) => string;
interface Telling {
  readonly message: Words;
  readonly remedy: string;
  readonly retryable?: true;
}

const TELLINGS: Partial<Record<ErrorCode, Telling>> = {
  'model.billing': {
    message: (who, status, said) => `${who} refuses for billing reasons (HTTP ${status})${said}`,
    remedy: "Check the account's balance and limits at the provider.",
  },
  'model.rate-limited': {
    message: (who, status, said) => `${who} limits the rate of calls (HTTP ${status})${said}`,
    remedy: 'Wait and try again, or ask the provider for a higher limit.',
    retryable: true,
  },
  'model.overloaded': {
    message: (who, status, said) => `${who} failed (HTTP ${status})${said}`,
    remedy: 'Try again; if it lasts, look at the status page of the provider.',
    retryable: true,
  },
  timeout: {
    message: (who, status, said) => `${who} took too long (HTTP ${status})${said}`,
    remedy: 'Try again.',
    retryable: true,
  },
  'model.context-overflow': {
    message: (who, status, said) => `${who}: the request is too long for the model (HTTP ${status})${said}`,
    remedy: 'Shorten the conversation or choose a model with a larger window.',
  },
  'not-found': {
    message: (who, status, said) => `${who} does not know this model or path (HTTP ${status})${said}`,
    remedy: 'Check the model name and the base URL with `holdfast setup`.',
  },
};

export function refusalError(provider: Provider, refusal: Refusal): HoldfastError {
  const { status } = refusal;
  const text = refusal.body.toString('utf8').slice(0, PATTERN_CHARS);
  const code = refusalCode(status, text);
  const who = `${provider.title} (${provider.id})`;
  if (code === 'model.auth')
    return new HoldfastError(code, `${who} refused the API key (HTTP ${status}).`, {
      remedy: `Enter a valid key with \`holdfast setup --provider ${provider.id}\`.`,
      details: { provider: provider.id, status },
    });
  const words = refusal.redact(wordsOf(refusal.body)).slice(0, 500);
  const said = words === '' ? '' : `: ${words}`;
  const { message, remedy, retryable } = TELLINGS[code] ?? refused(status);
  return new HoldfastError(code, message(who, status, said), {
    remedy,
    details: { provider: provider.id, status, ...(words === '' ? {} : { providerSays: words }) },
    ...(retryable ? { retryable, retryAfterMs: retryAfterMs(refusal.retryAfter) ?? waitInWords(text) } : {}),
  });
}

function refused(status: number): Telling {
  const remedy =
    status < 400 ? 'It sent a redirect, which is never followed: correct the base URL.' : 'Correct the request.';
  return { message: (who, code, said) => `${who} refused the request (HTTP ${code})${said}`, remedy };
}

/** `sent` says whether the request had reached a connection. */
export function connectionError(provider: Provider, error: Error, sent: boolean): HoldfastError {
  if (error instanceof HoldfastError) return error;
  const code = codeOf(error);
  const who = `${provider.title} (${provider.id})`;
  const where = new URL(provider.setting.baseUrl).origin;
  const options = { details: { provider: provider.id, reason: code }, retryable: true, cause: error };
  if (code === 'UND_ERR_HEADERS_TIMEOUT')
    return new HoldfastError('timeout', `${who} sent no answer in time.`, {
      remedy: 'Try again or choose another model.',
      ...options,
    });
  if (code === 'UND_ERR_BODY_TIMEOUT')
    return new HoldfastError('timeout', `${who} stopped sending in the middle of its answer.`, {
      remedy: 'Try again.',
      ...options,
    });
  if (code.startsWith('HPE_') || error.name === 'HTTPParserError')
    return new HoldfastError('model.bad-response', `${who} at ${where} does not answer in HTTP.`, {
      remedy: 'Check the base URL with `holdfast setup`.',
      ...options,
    });
  if (!sent)
    return new HoldfastError('model.unreachable', `${who} cannot be reached at ${where} (${code}).`, {
      remedy: 'Check the base URL, the network and whether the service runs.',
      ...options,
    });
  return new HoldfastError(
    'model.bad-response',
    `${who} broke the connection before its answer was complete (${code}).`,
    {
      remedy: 'Try again.',
      ...options,
    },
  );
}

function codeOf(error: Error): string {
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.name;
}

function wordsOf(body: Buffer): string {
  const text = body.toString('utf8');
  try {
    return messageIn(asObject(JSON.parse(text))) ?? '';
  } catch {
    // A proxy's HTML page helps nobody.
    return text.trimStart().startsWith('<') ? '' : text.slice(0, 2_000).trim();
  }
}

function messageIn(body: Loose | undefined): string | undefined {
  const inner = asObject(body?.error);
  const parts = [inner?.message, inner?.code, inner?.type, body?.message, body?.error, body?.detail];
  const texts = parts.filter((part) => typeof part === 'string' && part !== '');
  return texts.length > 0 ? [...new Set(texts)].slice(0, 3).join(' / ') : undefined;
}

/** Seconds or an HTTP date. */
function retryAfterMs(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const seconds = Number(value);
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(wait) && wait >= 0 ? Math.min(wait, 86_400_000) : undefined;
}
