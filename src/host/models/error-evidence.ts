import { ERROR_CODES, type ErrorCode } from '../../protocol/error.ts';
import { parseJson } from '../vault-client/vault-errors.ts';
import { StreamErrorPart } from './parse-stream.ts';

/** What a failed model call left behind to judge it by. Nothing here is trusted, and nothing throws. */
export interface Evidence {
  readonly status: number | undefined;
  /** One of our own codes, which the vault puts into an error in the middle of a stream. */
  readonly code: ErrorCode | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly message: string;
  /** Message, code, type and body together, for the patterns. */
  readonly words: string;
}

export const NO_EVIDENCE: Evidence = { status: undefined, code: undefined, headers: {}, message: '', words: '' };

const BODY_CHARS = 4_000;
const DEEPEST_CAUSE = 8;

/** The error and what caused it, outermost first. */
export function* causes(thrown: unknown): Generator<unknown> {
  for (let error = thrown, depth = 0; error !== undefined && depth < DEEPEST_CAUSE; depth++) {
    yield error;
    error = error instanceof Error ? error.cause : undefined;
  }
}

/** An HTTP error answer (APICallError of the AI SDK) or an error object inside the stream; both are only read. */
export function gatherEvidence(thrown: unknown): Evidence {
  for (const error of causes(thrown)) {
    if (error instanceof StreamErrorPart && !(error.part instanceof Error)) return ofObject(error.part);
    if (!isRecord(error) || typeof error.statusCode !== 'number' || error.statusCode < 400) continue;
    const body = typeof error.responseBody === 'string' ? error.responseBody : '';
    const inner = ofObject(parseJson(body));
    return {
      code: undefined,
      status: error.statusCode,
      headers: isRecord(error.responseHeaders) ? onlyText(error.responseHeaders) : {},
      message: inner.message || body,
      words: `${inner.words} ${body.slice(0, BODY_CHARS)}`,
    };
  }
  return NO_EVIDENCE;
}

/** `{message, code, type, status}`, perhaps inside `error`, `data` or `response`, perhaps as the only item of a list. */
function ofObject(value: unknown, depth = 0): Evidence {
  if (typeof value === 'string') return { ...NO_EVIDENCE, message: value, words: value };
  if (Array.isArray(value)) return ofObject(value[0], depth + 1);
  if (!isRecord(value) || depth > 3) return NO_EVIDENCE;
  const inner = ofObject(value.error ?? value.response, depth + 1);
  const message = typeof value.message === 'string' ? value.message : inner.message;
  const status = [value.statusCode, value.code, value.status].find(isErrorStatus) ?? inner.status;
  const words = textOf(value).slice(0, BODY_CHARS);
  const code = ERROR_CODES.find((known) => known === value.code && known.includes('.')) ?? inner.code;
  return { ...NO_EVIDENCE, status, code, message, words };
}

function textOf(value: Record<string, unknown>): string {
  try {
    return JSON.stringify(value);
  } catch {
    return ''; // not from a wire: circular, or a throwing getter
  }
}

function onlyText(record: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(record).flatMap(([key, value]) => (typeof value === 'string' ? [[key.toLowerCase(), value]] : [])),
  );
}

function isErrorStatus(value: unknown): value is number {
  return typeof value === 'number' && value >= 400 && value <= 599;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
