import type { Clock } from '../../base/clock.ts';
import { Cancelled } from './end-run.ts';
import { specOf } from './run-store.ts';
import type { RunsTable } from './tables.ts';

/** Wall time of workers. Chats have none: each of their steps has its own limits. Waiting for a worker of its own does not count. */
export interface Deadlines {
  /** Until it is disposed. */
  begin(row: RunsTable, controller: AbortController): Disposable;
  /** Stops the clock of a run until it is disposed; several pauses may overlap. */
  pause(runId: string): Disposable;
}

export function createDeadlines(clock: Pick<Clock, 'now'>): Deadlines {
  const running = new Map<string, Deadline>();
  return {
    begin(row, controller) {
      if (row.kind !== 'worker') return { [Symbol.dispose]: () => {} };
      const deadline = new Deadline(specOf(row).limits.workerTimeoutMs, controller, clock);
      running.set(row.id, deadline);
      return {
        [Symbol.dispose]: () => {
          deadline.stop();
          if (running.get(row.id) === deadline) running.delete(row.id);
        },
      };
    },
    pause(runId) {
      const deadline = running.get(runId);
      deadline?.pause();
      return { [Symbol.dispose]: () => deadline?.resume() };
    },
  };
}

class Deadline {
  readonly #limitMs: number;
  readonly #controller: AbortController;
  readonly #clock: Pick<Clock, 'now'>;
  #left: number;
  #since = 0;
  #pauses = 0;
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(limitMs: number, controller: AbortController, clock: Pick<Clock, 'now'>) {
    this.#limitMs = limitMs;
    this.#left = limitMs;
    this.#controller = controller;
    this.#clock = clock;
    this.#run();
  }

  pause(): void {
    this.#pauses += 1;
    if (this.#pauses > 1 || this.#over) return;
    clearTimeout(this.#timer);
    this.#left = Math.max(0, this.#left - (this.#clock.now() - this.#since));
  }

  resume(): void {
    this.#pauses -= 1;
    if (this.#pauses === 0 && !this.#over) this.#run();
  }

  stop(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }

  #run(): void {
    this.#since = this.#clock.now();
    this.#timer = setTimeout(() => {
      const seconds = Math.round(this.#limitMs / 1_000);
      const remedy = 'Give a smaller task or a longer timeout_ms.';
      this.#controller.abort(new Cancelled('timeout', `The worker used up its time of ${seconds} s.`, { remedy }));
    }, this.#left);
  }
}
