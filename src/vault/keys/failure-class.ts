import type { HoldfastError } from '../../protocol/error.ts';
import type { FailureClass } from '../../protocol/key-health.ts';

export type { FailureClass } from '../../protocol/key-health.ts';

export interface KeyFailure {
  readonly class: FailureClass;
  /** The provider's own wish. */
  readonly retryAfterMs: number | undefined;
  /** One sentence for the status page. */
  readonly reason: string;
  /** When the call began. */
  readonly startedAt: number;
  /** Refused for this model alone (HTTP 403), not the key as such. */
  readonly oneModel: boolean;
}

const CLASSES: Partial<Record<HoldfastError['code'], FailureClass>> = {
  'model.auth': 'auth',
  'model.billing': 'billing',
  'model.rate-limited': 'rate-limit',
  'model.overloaded': 'transient',
  'model.unreachable': 'transient',
  'model.bad-response': 'transient',
  'model.empty-response': 'transient',
  timeout: 'transient',
};

/** What a failed call says of the key and model it was made with; `undefined`: nothing (a bad request, a long prompt). */
export function failureOf(error: HoldfastError, startedAt: number): KeyFailure | undefined {
  const kind = CLASSES[error.code];
  if (kind === undefined) return undefined;
  const { retryAfterMs, details, message: reason } = error;
  return { class: kind, retryAfterMs, reason, startedAt, oneModel: details?.status === 403 };
}

/** An empty account or a refused key fails for every model. */
export function isWholeKey({ class: kind, oneModel }: KeyFailure): boolean {
  return kind === 'billing' || (kind === 'auth' && !oneModel);
}

/** Worth trying again at once with another key: nothing was sent back yet, and the fault is this key's. */
export function isKeysOwn(failure: KeyFailure): boolean {
  return failure.class !== 'transient';
}
