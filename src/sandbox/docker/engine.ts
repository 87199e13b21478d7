/**
 * The few calls of the Docker Engine API that sandboxes need, over its unix socket. Podman answers the same calls on its
 * own. Every call has a deadline, for an engine that hangs must not hang a run.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { z } from 'zod';
import { request } from '../../base/http.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { unreachableRemedy } from './remedy.ts';

export interface EngineCall {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** After the version, with its query. */
  readonly path: string;
  readonly body?: unknown;
  /** Sent as they are, as a tar archive. */
  readonly archive?: Uint8Array;
  readonly signal?: AbortSignal;
  /** Default 30 s. `undefined` in waiting for a container to end. */
  readonly timeoutMs?: number | undefined;
}

export interface Engine {
  readonly socketPath: string;
  /** The parsed answer, `undefined` when it is empty. Throws `sandbox.unavailable` with what the engine said. */
  call(call: EngineCall): Promise<unknown>;
  /** The answer as it comes. */
  stream(call: EngineCall): Promise<Readable>;
  /** The connection to a container's input and outputs. */
  attach(container: string): Promise<Duplex>;
}

const API_VERSION = '1.41';
const WITHIN_MS = 30_000;
const LONGEST_ANSWER = 16_777_216;
const Complaint = z.object({ message: z.string() });
const NOT_FOUND = 404;

export function createEngine(socketPath: string): Engine {
  const send = (call: EngineCall): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const asked = open(socketPath, call);
      asked.once('response', resolve);
      asked.once('error', (error) => reject(unreachable(socketPath, error)));
      asked.end(call.archive ?? (call.body === undefined ? undefined : JSON.stringify(call.body)));
    });
  const stream = async (call: EngineCall): Promise<IncomingMessage> => {
    const answer = await send(call);
    if ((answer.statusCode ?? 500) >= 400) throw await refusal(call, answer);
    return answer;
  };
  return {
    socketPath,
    stream,
    call: async (call) => {
      const text = await readAll(await stream(call));
      return text === '' ? undefined : parse(text);
    },
    attach: (container) => attach(socketPath, container),
  };
}

function open(socketPath: string, call: EngineCall) {
  const deadline = 'timeoutMs' in call && call.timeoutMs === undefined ? undefined : (call.timeoutMs ?? WITHIN_MS);
  const signals = [
    ...(deadline === undefined ? [] : [AbortSignal.timeout(deadline)]),
    ...(call.signal ? [call.signal] : []),
  ];
  const type = call.archive ? 'application/x-tar' : 'application/json';
  return request({
    socketPath,
    method: call.method,
    path: `/v${API_VERSION}${call.path}`,
    headers: { Host: 'engine', ...(call.archive || call.body !== undefined ? { 'Content-Type': type } : {}) },
    agent: false,
    ...(signals.length > 0 ? { signal: AbortSignal.any(signals) } : {}),
  });
}

function attach(socketPath: string, container: string): Promise<Duplex> {
  const path = `/containers/${container}/attach?stream=1&stdin=1&stdout=1&stderr=1`;
  return new Promise((resolve, reject) => {
    const asked = request({
      ...{ socketPath, method: 'POST', agent: false, path: `/v${API_VERSION}${path}` },
      headers: { Host: 'engine', Connection: 'Upgrade', Upgrade: 'tcp' },
      timeout: WITHIN_MS,
    });
    asked.once('upgrade', (_answer, socket, head) => {
      socket.setTimeout(0);
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    asked.once('response', (answer) => void refusal({ method: 'POST', path }, answer).then(reject, reject));
    asked.once('timeout', () => asked.destroy(new Error(`no answer within ${WITHIN_MS / 1_000} s`)));
    asked.once('error', (error) => reject(unreachable(socketPath, error)));
    asked.end();
  });
}

async function readAll(answer: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer) {
    bytes += chunk.length;
    if (bytes > LONGEST_ANSWER) throw new Error('the engine answered more than can be right');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // "OK" to a ping.
  }
}

async function refusal(call: EngineCall, answer: IncomingMessage): Promise<HoldfastError> {
  const said = parse(await readAll(answer).catch(() => ''));
  const complaint = Complaint.safeParse(said);
  const reason = complaint.success ? complaint.data.message : `status ${answer.statusCode}`;
  return new HoldfastError('sandbox.unavailable', `The container engine refused: ${reason.trim()}`, {
    remedy: 'Read the log of the engine (journalctl -u docker).',
    details: { status: answer.statusCode ?? 0, call: `${call.method} ${call.path.split('?')[0]}` },
  });
}

export const isNotFound = (error: unknown): boolean => hasStatus(error, NOT_FOUND);
/** It answered, and said no: another call is at it already, or a process it wanted to end had just ended by itself. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof HoldfastError && error.details?.['status'] !== undefined;

function hasStatus(error: unknown, status: number): boolean {
  return error instanceof HoldfastError && error.details?.['status'] === status;
}

function unreachable(socketPath: string, error: Error): HoldfastError {
  const reason = error.name === 'TimeoutError' ? 'it did not answer in time' : error.message;
  return new HoldfastError('sandbox.unavailable', `No container engine answers on ${socketPath}: ${reason}.`, {
    remedy: unreachableRemedy(socketPath, 'code' in error ? error.code : undefined),
    cause: error,
  });
}
