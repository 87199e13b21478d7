/** Signals and background work. Only `main.ts` files touch `process`; everything else takes an AbortSignal. */

/** A signal that fires at the first SIGINT or SIGTERM; a second one ends the process at once. */
export function signalOf(source: NodeJS.Process): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) source.exit(1);
    controller.abort();
  };
  source.on('SIGINT', stop);
  source.on('SIGTERM', stop);
  return controller.signal;
}

/** Resolves when the signal fires. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** An AbortController that follows `parents` and drops its listeners when disposed. */
export function linkedController(...parents: readonly AbortSignal[]): AbortController & Disposable {
  const controller = new AbortController();
  const follow = (event: Event): void => {
    controller.abort(event.target instanceof AbortSignal ? event.target.reason : undefined);
  };
  for (const parent of parents) {
    if (parent.aborted) controller.abort(parent.reason);
    else parent.addEventListener('abort', follow, { once: true });
  }
  return Object.assign(controller, {
    [Symbol.dispose]: (): void => {
      for (const parent of parents) parent.removeEventListener('abort', follow);
    },
  });
}

/** Owns all fire-and-forget work of a process: failures are reported, disposal cancels and drains. */
export class BackgroundQueue implements AsyncDisposable {
  readonly #running = new Set<Promise<void>>();
  readonly #controller = new AbortController();
  readonly #onError: (error: unknown, name: string) => void;

  constructor(onError: (error: unknown, name: string) => void) {
    this.#onError = onError;
  }

  get size(): number {
    return this.#running.size;
  }

  add(name: string, work: (signal: AbortSignal) => Promise<void>): void {
    if (this.#controller.signal.aborted) return;
    const task = work(this.#controller.signal)
      .catch((error: unknown) => {
        if (!this.#controller.signal.aborted) this.#onError(error, name);
      })
      .finally(() => this.#running.delete(task));
    this.#running.add(task);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort();
    while (this.#running.size > 0) await Promise.allSettled([...this.#running]);
  }
}
