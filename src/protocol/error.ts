/**
 * The one error of Holdfast. Its `code` is looked up in this closed catalogue, so that an operator can search for it;
 * `message` names the value and the remedy; `details` is safe to show; `cause` never leaves the process.
 */
export const ERROR_CODES = [
  'internal',
  'cancelled',
  'timeout',
  'bad-request',
  'unauthenticated',
  'forbidden',
  'not-found',
  'conflict',
  'rate-limited',
  'too-large',
  'config.invalid',
  'config.unreadable',
  'port.in-use',
  'host.unreachable',
  'storage.full',
  'storage.read-only',
  'storage.corrupt',
  'storage.guard-failed',
  'storage.closed',
  'storage.unreachable',
  'vault.unreachable',
  'vault.locked',
  'vault.key-missing',
  'vault.secret-missing',
  'vault.wrong-passphrase',
  'vault.frozen',
  'vault.unsigned',
  'model.unknown-provider',
  'model.unpriced',
  'model.auth',
  'model.billing',
  'model.rate-limited',
  'model.overloaded',
  'model.unreachable',
  'model.bad-response',
  'model.empty-response',
  'model.context-overflow',
  'model.refused',
  'budget.exceeded',
  'egress.denied',
  'sandbox.unavailable',
  'sandbox.failed',
  'sandbox.limit',
  'tool.unknown',
  'tool.bad-input',
  'tool.failed',
  'policy.denied',
  'approval.expired',
  'run.step-limit',
  'run.loop',
  'run.no-progress',
  'run.interrupted',
  'run.contract',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** What crosses a process or network boundary: never a stack, never a cause, never a secret. */
export interface ErrorShape {
  readonly code: ErrorCode;
  readonly message: string;
  readonly remedy?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly retryable?: boolean | undefined;
  /** Milliseconds the other side asked us to wait. */
  readonly retryAfterMs?: number | undefined;
}

export interface HoldfastErrorOptions {
  readonly remedy?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly retryable?: boolean | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

export class HoldfastError extends Error {
  override readonly name = 'HoldfastError';
  readonly code: ErrorCode;
  readonly remedy: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: HoldfastErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.remedy = options.remedy;
    this.details = options.details;
    this.retryable = options.retryable ?? false;
    this.retryAfterMs = options.retryAfterMs;
  }

  /** Turns anything thrown into a HoldfastError; an AbortError becomes `cancelled`. */
  static from(thrown: unknown, fallback: ErrorCode = 'internal'): HoldfastError {
    if (thrown instanceof HoldfastError) return thrown;
    if (thrown instanceof Error && thrown.name === 'AbortError')
      return new HoldfastError('cancelled', 'Cancelled.', { cause: thrown });
    if (thrown instanceof Error && thrown.name === 'TimeoutError')
      return new HoldfastError('timeout', thrown.message, { cause: thrown, retryable: true });
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new HoldfastError(fallback, message, { cause: thrown });
  }

  /** The form that may leave the process. */
  toShape(): ErrorShape {
    return {
      code: this.code,
      message: this.message,
      ...(this.remedy === undefined ? {} : { remedy: this.remedy }),
      ...(this.details === undefined ? {} : { details: this.details }),
      ...(this.retryable ? { retryable: true } : {}),
      ...(this.retryAfterMs === undefined ? {} : { retryAfterMs: this.retryAfterMs }),
    };
  }
}
