/**
 * A container that waits for its one command. It is used for a single command and then gone: the kernel ends a process
 * namespace whole, while nothing could prove from outside that a container which goes on has nobody left of the last one.
 *
 * What must stay true: no command is given to a container before the host has seen that what is mounted there is the very
 * folder that was allowed. The engine mounts by path, and a path can be swapped between our look and its own.
 */
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { type Duplex, PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { HoldfastError } from '../../protocol/error.ts';
import { type ContainerShape, containerBody } from './container.ts';
import { createDemultiplexer } from './demultiplex.ts';
import { type Engine, isNotFound, isRefusal } from './engine.ts';
import { READY } from './first.ts';

export interface WarmContainer {
  readonly id: string;
  readonly input: Duplex;
  readonly stdout: PassThrough;
  readonly stderr: PassThrough;
  /** False when it ended while it waited. */
  isWaiting(): boolean;
  kill(): Promise<void>;
  /** Resolves with the exit code of the first process when every process is gone. */
  ended(): Promise<number>;
  hitMemory(): Promise<boolean>;
  /** Ends and removes it. Never throws. */
  remove(): Promise<void>;
}

export interface Identity {
  readonly device: number;
  readonly inode: number;
}

const Created = z.object({ Id: z.string().regex(/^[0-9a-f]{12,64}$/) });
const Waited = z.object({ StatusCode: z.number().int() });
const Inspected = z.object({ State: z.object({ OOMKilled: z.boolean() }) });
const READY_WITHIN_MS = 30_000;
const REMOVED_WITHIN_MS = 10_000;
const LONGEST_GREETING = 65_536;

export async function startContainer(
  engine: Engine,
  options: { name: string; shape: ContainerShape; places: readonly Identity[] },
): Promise<WarmContainer> {
  const { name, shape, places } = options;
  const path = `/containers/create?name=${encodeURIComponent(name)}`;
  const { Id: id } = Created.parse(await engine.call({ method: 'POST', path, body: containerBody(shape) }));
  try {
    const input = await engine.attach(id);
    const container = containerOf(engine, id, input);
    await engine.call({ method: 'POST', path: `/containers/${id}/start` });
    checkPlaces(await greeting(container), { shape, places });
    return container;
  } catch (error) {
    await remove(engine, id);
    throw error;
  }
}

function containerOf(engine: Engine, id: string, input: Duplex): WarmContainer {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  input.on('error', () => undefined); // The engine went away or the container ended; its end says so.
  input.pipe(createDemultiplexer(stdout, stderr));
  return {
    ...{ id, input, stdout, stderr },
    isWaiting: () => input.readable && !input.readableEnded && !input.destroyed,
    kill: async () => {
      await engine.call({ method: 'POST', path: `/containers/${id}/kill?signal=KILL` }).catch(() => remove(engine, id));
    },
    ended: async () => {
      const path = `/containers/${id}/wait?condition=not-running`;
      return Waited.parse(await engine.call({ method: 'POST', path, timeoutMs: undefined })).StatusCode;
    },
    hitMemory: async () => {
      const answer = await engine.call({ method: 'GET', path: `/containers/${id}/json` });
      return Inspected.parse(answer).State.OOMKilled;
    },
    remove: async () => {
      input.destroy();
      await remove(engine, id);
    },
  };
}

/**
 * Ends it, too, and returns when it is no more: an engine that refuses, because it is at it already or the
 * container just ended by itself, is asked again. True
 * when it is gone; an engine that does not answer leaves it to the sweep.
 */
export async function remove(engine: Engine, id: string): Promise<boolean> {
  const deadline = performance.now() + REMOVED_WITHIN_MS;
  while (performance.now() < deadline) {
    try {
      await engine.call({ method: 'DELETE', path: `/containers/${id}?force=true&v=true` });
      return true;
    } catch (error) {
      if (isNotFound(error)) return true;
      if (!isRefusal(error)) return false;
      await delay(20);
    }
  }
  return false;
}

/** The lines before the last one. */
async function greeting({ stdout, stderr }: WarmContainer): Promise<string[]> {
  const deadline = AbortSignal.timeout(READY_WITHIN_MS);
  let text = '';
  while (!text.endsWith(`${READY}\n`)) {
    const chunk: unknown = stdout.read();
    if (chunk instanceof Buffer) text += chunk.toString('utf8');
    else if (stdout.readableEnded || text.length > LONGEST_GREETING) throw silent(`${text}${readText(stderr)}`);
    else
      await Promise.race([once(stdout, 'readable', { signal: deadline }), once(stdout, 'end', { signal: deadline })]);
  }
  return text.split('\n').slice(0, -2);
}

function readText(stream: PassThrough): string {
  const chunk: unknown = stream.read();
  return chunk instanceof Buffer ? chunk.toString('utf8') : '';
}

function silent(said: string): HoldfastError {
  const reason = said.trim() === '' ? 'it said nothing' : said.trim().slice(0, 500);
  return new HoldfastError('sandbox.unavailable', `The container of a sandbox did not start: ${reason}.`, {
    remedy:
      'The image needs sh, stat and head, and its engine must run on this machine. Build it: holdfast build-worker-image',
  });
}

function checkPlaces(
  seen: readonly string[],
  { shape, places }: { shape: ContainerShape; places: readonly Identity[] },
): void {
  const sources = [shape.volume, ...shape.mounts.map(({ source }) => source)];
  sources.forEach((source, index) => {
    const place = places[index];
    if (place !== undefined && seen[index] === `${place.device}:${place.inode}`) return;
    // A runtime with a kernel of its own has its own numbers: there the path is looked at once more.
    if (shape.runtime !== undefined && place !== undefined && isStill(source, place)) return;
    throw new HoldfastError('forbidden', `The folder ${source} was replaced since it was allowed.`, {
      remedy:
        'Allow it again if that was you. An engine on another machine, which has no such folders, cannot be used.',
    });
  });
}

export function isStill(path: string, { device, inode }: Identity): boolean {
  const info = statSync(path, { throwIfNoEntry: false });
  return info?.dev === device && info.ino === inode;
}
