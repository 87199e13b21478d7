import type { Clock } from '../../base/clock.ts';
import { linkedController } from '../../base/lifecycle.ts';
import type { MessageView } from '../../protocol/api.ts';
import type { Control } from '../control.ts';

/** Answers with a message once it has ended: looks again after every event of its session, and every few seconds. */
export interface MessageWaiter {
  message(id: string, waitMs: number, signal: AbortSignal): Promise<MessageView>;
}

const LOOK_AGAIN_MS = 2_000;

export function createMessageWaiter(control: Control, clock: Clock): MessageWaiter {
  return {
    message: async (id, waitMs, signal) => {
      const first = await control.message(id);
      if (waitMs === 0 || hasEnded(first)) return first;
      const bell = createBell();
      using _subscription = control.subscribe({
        event: (event) => {
          if (event.sessionId === null || event.sessionId === first.sessionId) bell.ring();
        },
        live: () => {},
      });
      const deadline = clock.now() + waitMs;
      for (;;) {
        const message = await control.message(id);
        const leftMs = deadline - clock.now();
        if (hasEnded(message) || leftMs <= 0 || signal.aborted) return message;
        await pauseUntil(bell, clock, { ms: Math.min(leftMs, LOOK_AGAIN_MS), signal });
      }
    },
  };
}

function hasEnded(message: MessageView): boolean {
  return message.state !== 'received' && message.state !== 'running';
}

/** Remembers that it rang, so that a ring between two looks is not lost. */
interface Bell {
  ring(): void;
  heard(): Promise<void>;
}

function createBell(): Bell {
  let rung = false;
  let wake = (): void => {};
  return {
    ring: () => {
      rung = true;
      wake();
    },
    heard: async () => {
      if (!rung) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      rung = false;
    },
  };
}

async function pauseUntil(
  bell: Bell,
  clock: Clock,
  { ms, signal }: { ms: number; signal: AbortSignal },
): Promise<void> {
  using timer = linkedController(signal);
  try {
    await Promise.race([bell.heard(), clock.sleep(ms, timer.signal)]);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    timer.abort();
  }
}
