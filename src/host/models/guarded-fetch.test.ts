import { describe, expect, it } from 'vitest';
import type { Clock } from '../../base/clock.ts';
import { createGuardedFetch, DEFAULT_STREAM_LIMITS, type StreamLimits } from './guarded-fetch.ts';

/** A clock that stands still until told. */
function createManualClock() {
  let now = 0;
  const sleepers = new Set<{ until: number; wake: () => void }>();
  const clock: Clock = {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const sleeper = { until: now + ms, wake: resolve };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', () => {
          sleepers.delete(sleeper);
          reject(signal.reason);
        });
      }),
  };
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return {
    clock,
    sleepers,
    /** In small steps, so that whoever wakes can go to sleep again. */
    advance: async (ms: number) => {
      await settle();
      for (const end = now + ms; now < end; ) {
        now = Math.min(end, ...[...sleepers].map(({ until }) => Math.max(until, now + 1)));
        for (const sleeper of [...sleepers]) {
          if (sleeper.until > now) continue;
          sleepers.delete(sleeper);
          sleeper.wake();
        }
        await settle();
      }
    },
  };
}

function setUp(limits: Partial<StreamLimits> = {}) {
  const manual = createManualClock();
  let source: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      source = controller;
    },
  });
  const head = Promise.withResolvers<void>();
  let signal: AbortSignal | null | undefined;
  const fetch = createGuardedFetch({
    provider: 'acme',
    limits: { ...DEFAULT_STREAM_LIMITS, ...limits },
    clock: manual.clock,
    fetch: async (_input, init) => {
      signal = init?.signal;
      await head.promise;
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    },
  });
  const push = (text: string) => source?.enqueue(new TextEncoder().encode(text));
  return { ...manual, fetch, head, push, end: () => source?.close(), aborted: () => signal?.aborted === true };
}

describe('a guarded fetch', () => {
  it('gives a provider five minutes for the head, then two between chunks', async () => {
    const { fetch, advance, head, push, aborted } = setUp();
    const answering = fetch('http://vault');
    await advance(299_000);
    head.resolve();
    const reader = (await answering).body!.getReader();
    for (let round = 0; round < 3; round++) {
      const read = reader.read();
      await advance(119_000);
      push('x');
      expect((await read).done).toBe(false);
    }
    const read = reader.read();
    const silent = expect(read).rejects.toMatchObject({
      code: 'timeout',
      retryable: true,
      message: /acme.*120 seconds/,
    });
    await advance(119_000);
    expect(aborted()).toBe(false);
    await advance(2_000);
    await silent;
    expect(aborted()).toBe(true);
  });

  it('gives up on a head that never comes', async () => {
    const { fetch, advance, aborted } = setUp();
    const silent = expect(fetch('http://vault')).rejects.toMatchObject({ code: 'timeout' });
    await advance(301_000);
    await silent;
    expect(aborted()).toBe(true);
  });

  it('does not blame the provider for a reader that is busy', async () => {
    const { fetch, advance, head, push } = setUp();
    head.resolve();
    const reader = (await fetch('http://vault')).body!.getReader();
    push('a');
    await reader.read();
    push('b'); // taken in advance, as streams do
    await advance(1_000);
    push('c');
    await advance(900_000);
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('b');
  });

  it('leaves no timer behind', async () => {
    const { fetch, head, push, end, sleepers, advance } = setUp();
    head.resolve();
    const response = await fetch('http://vault');
    push('all');
    end();
    expect(await response.text()).toBe('all');
    await advance(1);
    expect(sleepers.size).toBe(0);
  });

  it('stops a flood', async () => {
    const { fetch, head, push } = setUp({ maxBytes: 10 });
    head.resolve();
    const response = await fetch('http://vault');
    push('12345678');
    push('90123');
    await expect(response.text()).rejects.toMatchObject({ code: 'model.bad-response', message: /10 bytes/ });
  });

  it('sends one request only: a call is charged once', async () => {
    const { fetch, head } = setUp();
    head.resolve();
    await fetch('http://vault');
    await expect(fetch('http://vault')).rejects.toMatchObject({ code: 'conflict' });
  });
});
