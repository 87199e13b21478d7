/**
 * Builds the default image of workers. The same inputs (the folder's files, the base, the packages) make the same hash,
 * which the image bears as a label: an image whose hash is right is left as it is.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { HoldfastError } from '../../protocol/error.ts';
import { unavailable } from '../bubblewrap/ground.ts';
import { createEngine, type Engine } from './engine.ts';
import { findSocket } from './ground.ts';
import { findImage, WORKER_IMAGE } from './image.ts';
import { unreachableRemedy } from './remedy.ts';
import { tarOf } from './tar.ts';

export const DEFAULT_BASE = 'debian:bookworm-slim';
export const INPUTS_LABEL = 'io.holdfast.inputs';
/** What workers usually reach for. Installed into the default base only: a base of yours brings what it has. */
const PACKAGES = 'ca-certificates curl file git jq less patch procps python3 ripgrep socat unzip zip';
const BUILD_WITHIN_MS = 900_000;

export interface BuildOptions {
  /** Folder with the Dockerfile. */
  readonly folder: string;
  readonly tag?: string | undefined;
  readonly base?: string | undefined;
  readonly socketPath?: string | undefined;
  readonly signal?: AbortSignal;
  readonly onLine?: (line: string) => void;
}

export interface Built {
  readonly tag: string;
  readonly base: string;
  /** False: the image was there already, made of the same inputs. */
  readonly isNew: boolean;
}

const Line = z.object({ stream: z.string().optional(), error: z.string().optional() });

export async function buildWorkerImage(options: BuildOptions): Promise<Built> {
  const { tag = WORKER_IMAGE, base = DEFAULT_BASE } = options;
  const socketPath = findSocket(options.socketPath);
  if (socketPath === undefined) {
    const place = options.socketPath ?? '/var/run/docker.sock';
    throw unavailable(`no container engine listens on ${place}`, unreachableRemedy(place, undefined));
  }
  const engine = createEngine(socketPath);
  const archive = await archiveOf(options.folder);
  const packages = options.base === undefined ? PACKAGES : '';
  const baseId = (await findImage(engine, base))?.id ?? '';
  const hash = createHash('sha256')
    .update(archive)
    .update(JSON.stringify([base, baseId, packages]))
    .digest('hex');
  if ((await findImage(engine, tag))?.labels[INPUTS_LABEL] === hash) return { tag, base, isNew: false };
  await build(engine, options, { archive, query: queryOf({ tag, base, packages, hash }) });
  return { tag, base, isNew: true };
}

async function archiveOf(folder: string): Promise<Buffer> {
  const names = (await readdir(folder)).sort();
  return tarOf(await Promise.all(names.map(async (name) => ({ name, content: await readFile(join(folder, name)) }))));
}

function queryOf(parts: { tag: string; base: string; packages: string; hash: string }): URLSearchParams {
  return new URLSearchParams({
    t: parts.tag,
    buildargs: JSON.stringify({ BASE: parts.base, PACKAGES: parts.packages }),
    labels: JSON.stringify({ [INPUTS_LABEL]: parts.hash }),
    ...{ rm: '1', forcerm: '1' },
    // Nothing to fetch, so nothing to reach.
    ...(parts.packages === '' ? { networkmode: 'none' } : {}),
  });
}

async function build(
  engine: Engine,
  { signal, onLine }: BuildOptions,
  { archive, query }: { archive: Buffer; query: URLSearchParams },
): Promise<void> {
  const path = `/build?${query}`;
  const call = { method: 'POST', path, archive, timeoutMs: BUILD_WITHIN_MS, ...(signal ? { signal } : {}) } as const;
  const answer = await engine.stream(call);
  for await (const text of createInterface({ input: answer })) {
    if (text.trim() === '') continue;
    const { stream, error } = Line.parse(JSON.parse(text));
    if (stream !== undefined && stream.trim() !== '') onLine?.(stream.trimEnd());
    if (error !== undefined)
      throw new HoldfastError('sandbox.unavailable', `The image was not built: ${error.trim()}`, {
        remedy:
          'Where no registry is reachable, import a base (debootstrap, then docker import) and name it with --base IMAGE.',
      });
  }
}
