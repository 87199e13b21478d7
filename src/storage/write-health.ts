import type { Logger } from '../base/logger.ts';
import type { HoldfastError } from '../protocol/error.ts';

export interface WriteHealthOptions {
  readonly log: Logger;
  readonly onFatal?: (error: HoldfastError) => void;
  readonly probeEveryMs?: number;
}

const PROBE_EVERY_MS = 1_000;

/** Loud once, then fast: after the database itself has failed, writes fail at once until one let through succeeds. */
export class WriteHealth {
  /** The database, as an operator knows it. */
  readonly #place: string;
  readonly #options: WriteHealthOptions;
  #failure: HoldfastError | undefined;
  #open = false;
  #probedAt = 0;

  constructor(place: string, options: WriteHealthOptions) {
    this.#place = place;
    this.#options = options;
  }

  /** Before this, failures are told by whoever opens the store. */
  opened(): void {
    this.#open = true;
  }

  engineFailed(error: HoldfastError): void {
    if (!this.#open) return;
    const first = this.#failure === undefined;
    this.#failure = error;
    this.#probedAt = performance.now();
    if (!first) return;
    this.#options.log.error('database cannot be written', {
      path: this.#place,
      code: error.code,
      reason: error.message,
    });
    this.#options.onFatal?.(error);
  }

  committed(): void {
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    this.#options.log.info('database can be written again', { path: this.#place });
  }

  /** The error to fail with at once, or undefined when this write may try. */
  refuse(): HoldfastError | undefined {
    if (this.#failure === undefined) return undefined;
    const now = performance.now();
    if (now - this.#probedAt < (this.#options.probeEveryMs ?? PROBE_EVERY_MS)) return this.#failure;
    this.#probedAt = now;
    return undefined;
  }
}
