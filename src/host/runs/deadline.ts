/** A time limit that can be held: while a run waits at a cap, nobody works, and its time must not run out. */
export interface Deadline {
  /** Stops the time until the hold is disposed; holds may overlap. */
  hold(): Disposable;
  end(): void;
}

export function createDeadline(limitMs: number, onEnd: () => void): Deadline {
  let leftMs = limitMs;
  let startedAt = performance.now();
  let timer: NodeJS.Timeout | undefined = setTimeout(onEnd, limitMs);
  let holds = 0;
  let ended = false;
  const go = (): void => {
    if (ended || holds > 0) return;
    startedAt = performance.now();
    timer = setTimeout(onEnd, leftMs);
  };
  const stop = (): void => {
    if (timer === undefined) return;
    clearTimeout(timer);
    timer = undefined;
    leftMs = Math.max(0, leftMs - (performance.now() - startedAt));
  };
  return {
    hold: () => {
      holds += 1;
      stop();
      let held = true;
      return {
        [Symbol.dispose]: () => {
          if (!held) return;
          held = false;
          holds -= 1;
          go();
        },
      };
    },
    end: () => {
      ended = true;
      stop();
    },
  };
}
