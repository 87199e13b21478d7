import type { ServerResponse } from 'node:http';
import type { Clock } from '../base/clock.ts';
import type { Frame } from './reply.ts';
import type { Fault } from './scenario.ts';

/** A fault that happens at a place in the body. */
export type BodyFault = Exclude<Fault, { type: 'http' }>;

export interface BodyOptions {
  readonly paceMs: number;
  readonly fault: BodyFault | undefined;
  /** The `error-event` fault as the wire says it. */
  readonly faultFrame: string;
  readonly clock: Clock;
  /** Fires when the client left or the simulator stops. */
  readonly signal: AbortSignal;
}

const GARBAGE = Buffer.from([
  0xff, 0xfe, 0x00, 0x7b, 0x22, 0xc3, 0x28, 0x0a, 0x0a, 0x64, 0x61, 0x74, 0x61, 0x3a, 0x20, 0x7b, 0x0a, 0x0a,
]);

/** Writes frames in order, paced, and lets the fault happen after exactly its number of body bytes. */
export async function writeBody(
  response: ServerResponse,
  frames: Iterable<Frame>,
  options: BodyOptions,
): Promise<void> {
  let sent = 0;
  let fault = options.fault;
  for (const frame of frames) {
    options.signal.throwIfAborted();
    if (typeof frame !== 'string') {
      await options.clock.sleep(frame.pauseMs, options.signal);
      continue;
    }
    if (sent > 0 && options.paceMs > 0) await options.clock.sleep(options.paceMs, options.signal);
    const bytes = Buffer.from(frame);
    const before = fault === undefined ? bytes.length : Math.min(bytes.length, fault.afterBytes - sent);
    await send(response, bytes.subarray(0, before), options.signal);
    sent += bytes.length;
    if (fault === undefined || before === bytes.length) continue;
    if ((await strike(response, fault, options)) === 'ended') return;
    await send(response, bytes.subarray(before), options.signal);
    fault = undefined;
  }
  if (fault !== undefined && (await strike(response, fault, options)) === 'ended') return;
  response.end();
}

/** What the fault does to the connection; `on` when the body goes on after it. */
async function strike(response: ServerResponse, fault: BodyFault, options: BodyOptions): Promise<'on' | 'ended'> {
  switch (fault.type) {
    case 'reset':
      await flushed(response, options.signal);
      response.socket?.resetAndDestroy();
      return 'ended';
    case 'truncate':
      response.end();
      return 'ended';
    case 'error-event':
      response.end(options.faultFrame);
      return 'ended';
    case 'stall':
      // No `forMs`: longer than anybody waits; the client's leaving or the simulator's stop ends it.
      await options.clock.sleep(fault.forMs ?? 2_000_000_000, options.signal);
      return 'on';
    case 'garbage':
      await send(response, fault.base64 === undefined ? GARBAGE : Buffer.from(fault.base64, 'base64'), options.signal);
      return 'on';
  }
}

/** Resolves when the client may be sent more. */
async function send(response: ServerResponse, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (bytes.length === 0 || response.write(bytes)) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const settle = (): void => resolve();
  response.once('drain', settle);
  signal.addEventListener('abort', settle, { once: true });
  await promise;
  response.off('drain', settle);
  signal.removeEventListener('abort', settle);
  signal.throwIfAborted();
}

/** Resolves when the operating system has all that was written, so that a reset comes after it. */
async function flushed(response: ServerResponse, signal: AbortSignal): Promise<void> {
  if (!response.headersSent) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  response.socket?.write('', () => resolve());
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}
