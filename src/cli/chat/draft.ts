import type { ShownLive } from './live-event.ts';

/**
 * What of an answer already stands on the screen. Live text is lossy and may come twice after a reconnect; the finished
 * message is the truth. Each character is given out once, whichever of the two brings it first.
 */
export interface Draft {
  /** The part of a live piece that is new; empty when it was seen, or when a gap means to wait for the whole message. */
  live(piece: Extract<ShownLive, { text: string }>): string;
  /** What of the finished text is still missing. `replaced`: the draft was another one, the whole text follows. */
  finished(step: number, text: string): { rest: string; replaced: boolean };
  /** True when something of an abandoned attempt stands on the screen. */
  reset(): boolean;
}

export function createDraft(): Draft {
  let step = -1;
  let attempt = -1;
  let shown = '';
  let gap = false;
  const begin = (nextStep: number, nextAttempt: number): void => {
    step = nextStep;
    attempt = nextAttempt;
    shown = '';
    gap = false;
  };
  return {
    live: (piece) => {
      if (piece.step < step || (piece.step === step && piece.attempt < attempt)) return '';
      if (piece.step !== step || piece.attempt !== attempt) begin(piece.step, piece.attempt);
      if (piece.offset > shown.length) gap = true;
      if (gap) return '';
      const fresh = piece.text.slice(shown.length - piece.offset);
      shown += fresh;
      return fresh;
    },
    finished: (finishedStep, text) => {
      const own = finishedStep === step ? shown : '';
      begin(finishedStep, Number.MAX_SAFE_INTEGER);
      shown = text;
      return text.startsWith(own) ? { rest: text.slice(own.length), replaced: false } : { rest: text, replaced: true };
    },
    reset: () => {
      const dirty = shown !== '';
      shown = '';
      gap = false;
      return dirty;
    },
  };
}
