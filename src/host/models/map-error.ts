import { BudgetRefusal } from '../../protocol/budget.ts';
import { type ErrorCode, HoldfastError } from '../../protocol/error.ts';
import type { ErrorInfo } from '../../protocol/event.ts';
import { ERROR_PATTERNS } from '../../protocol/provider-words.ts';
import { CALL_HEADERS } from '../../protocol/vault-api.ts';
import { errorOfHeader, isBrokenConnection } from '../vault-client/vault-errors.ts';
import { causes, type Evidence, gatherEvidence, NO_EVIDENCE } from './error-evidence.ts';
import { excerpt } from './guarded-fetch.ts';
import { StreamErrorPart } from './parse-stream.ts';
import { retryAfterMs } from './retry-after.ts';

/**
 * Anything a model call can die of → one ErrorInfo. The vault's own verdict comes first (it knows budgets, keys and
 * prices), then our own errors, then what the provider said, by status and by its words.
 */
export function mapError(thrown: unknown, target: Target): ErrorInfo {
  const evidence = gatherEvidence(thrown);
  const verdict = errorOfHeader(evidence.headers[CALL_HEADERS.error]);
  const own = verdict === undefined ? holdfastErrorIn(thrown) : refined(verdict, target);
  if (own !== undefined) return info(own);
  if (evidence.status === undefined && evidence.message === '') return info(brokenStream(thrown, target.provider));
  const code = codeOf(evidence);
  return info(
    new HoldfastError(code, `${target.provider}: ${describe(code, evidence)}`, {
      remedy: remedyOf(code, target),
      retryable: RETRYABLE.has(code),
      retryAfterMs: retryAfterMs(evidence.headers, evidence.words),
    }),
  );
}

/**
 * The vault names a refusal from its status and a few words. Where it has only "refused" or "billing" we read the
 * provider's words once more, for much hangs on it: a rate limit is waited out, a long prompt is cut, a wrong key is not.
 */
function refined(verdict: HoldfastError, target: Target): HoldfastError {
  const { code, message, details } = verdict;
  const { status, providerSays } = details ?? {};
  if (code !== 'model.refused' && code !== 'model.billing') return verdict;
  if (typeof status !== 'number' || typeof providerSays !== 'string') return verdict;
  const better = codeOf({ ...NO_EVIDENCE, status, words: providerSays });
  if (better === code || better === 'bad-request') return verdict;
  return new HoldfastError(better, message, {
    remedy: remedyOf(better, target) ?? verdict.remedy,
    retryable: RETRYABLE.has(better),
    retryAfterMs: verdict.retryAfterMs ?? retryAfterMs({}, providerSays),
  });
}

interface Target {
  readonly provider: string;
  readonly model: string;
}

const RETRYABLE = new Set<ErrorCode>([
  'model.rate-limited',
  'model.overloaded',
  'model.unreachable',
  'model.bad-response',
  'model.empty-response',
  'timeout',
]);
const MESSAGE_CHARS = 300;
function holdfastErrorIn(thrown: unknown): HoldfastError | undefined {
  for (const error of causes(thrown)) if (error instanceof HoldfastError) return error;
  return undefined;
}

function codeOf({ status, code, words }: Evidence): ErrorCode {
  if (code !== undefined) return code;
  if (status === 402) return 'model.billing';
  if (status === 401) return 'model.auth';
  const byWords = ERROR_PATTERNS.find(({ pattern }) => pattern.test(words))?.code;
  // Words beat the status where a vendor uses one status for two things: 429 for an empty account, 400 for a long prompt.
  if (byWords !== undefined && !(status === 429 && byWords === 'model.auth')) return byWords;
  if (status === undefined) return 'model.bad-response';
  if (status === 403) return 'model.auth';
  if (status === 404) return 'not-found';
  if (status === 413) return 'model.context-overflow';
  if (status === 408) return 'timeout';
  if (status === 429) return 'model.rate-limited';
  return status >= 500 || status === 409 || status === 425 ? 'model.overloaded' : 'bad-request';
}

function remedyOf(code: ErrorCode, { provider, model }: Target): string | undefined {
  switch (code) {
    case 'model.auth':
      return `Give the vault a working key for ${provider}: \`holdfast setup\`.`;
    case 'model.billing':
      return `Top up the account at ${provider}, or choose another model with \`holdfast setup\`.`;
    case 'not-found':
      return `Check that ${provider} offers the model ${model}, or choose another with \`holdfast setup\`.`;
    case 'model.context-overflow':
      return 'Start a new session, or choose a model with a larger context window.';
    case 'model.rate-limited':
    case 'model.overloaded':
      return 'It is tried again by itself after a pause.';
    default:
      return undefined;
  }
}

function brokenStream(thrown: unknown, provider: string): HoldfastError {
  if (isBrokenConnection(thrown) || isTerminated(thrown)) {
    return new HoldfastError('model.unreachable', `The connection to ${provider} broke.`, {
      retryable: true,
      cause: thrown,
    });
  }
  const why = thrown instanceof StreamErrorPart ? thrown.part : thrown;
  const detail = why instanceof Error ? `: ${excerpt(why.message)}` : '';
  return new HoldfastError('model.bad-response', `${provider} sent something that is not an answer${detail}`, {
    remedy: 'If this goes on, check the base URL and the wire format of the provider: `holdfast setup`.',
    retryable: true,
    cause: thrown,
  });
}

/** What undici's fetch throws when a body stops in the middle. */
function isTerminated(thrown: unknown): boolean {
  return [...causes(thrown)].some((error) => error instanceof TypeError && error.message === 'terminated');
}

/** Some providers repeat a part of the key they refuse, so their words about it are never passed on. */
function describe(code: ErrorCode, { status, message }: Evidence): string {
  const because = status === undefined ? '' : ` (status ${status})`;
  if (code === 'model.auth') return `it refuses the key${because}`;
  return excerpt(message, MESSAGE_CHARS) || `it failed${because}`;
}

function info(error: HoldfastError): ErrorInfo {
  const { details, ...shape } = error.toShape();
  const refusal = shape.code === 'budget.exceeded' ? BudgetRefusal.safeParse(details) : undefined;
  return {
    code: shape.code,
    message: shape.message,
    ...(shape.remedy === undefined ? {} : { remedy: shape.remedy }),
    ...(shape.retryable === undefined ? {} : { retryable: shape.retryable }),
    ...(shape.retryAfterMs === undefined ? {} : { retryAfterMs: shape.retryAfterMs }),
    ...(refusal?.success ? { budget: refusal.data } : {}),
  };
}
