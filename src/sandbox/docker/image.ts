/** The image of a sandbox's container: looked up by name at every use, then held by its digest. Nothing is ever pulled. */
import { z } from 'zod';
import { HoldfastError } from '../../protocol/error.ts';
import { type Engine, isNotFound } from './engine.ts';
import { BUILD_REMEDY } from './remedy.ts';

export const WORKER_IMAGE = 'holdfast-worker:latest';

const Inspected = z.object({
  Id: z.string().min(1),
  Config: z
    .object({
      Env: z.array(z.string()).nullish(),
      Labels: z.record(z.string(), z.string()).nullish(),
    })
    .nullish(),
});

export interface Image {
  readonly id: string;
  /** Names of the environment it would bring. */
  readonly envNames: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** Undefined when the engine does not have it. */
export async function findImage(engine: Engine, name: string): Promise<Image | undefined> {
  const path = `/images/${name.split('/').map(encodeURIComponent).join('/')}/json`;
  try {
    const { Id, Config } = Inspected.parse(await engine.call({ method: 'GET', path }));
    const envNames = (Config?.Env ?? []).map((line) => line.split('=')[0] ?? '').filter((part) => part !== '');
    return { id: Id, envNames, labels: Config?.Labels ?? {} };
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

export async function requireImage(engine: Engine, name: string): Promise<Image> {
  const image = await findImage(engine, name);
  if (image) return image;
  throw new HoldfastError('sandbox.unavailable', `The container engine has no image "${name}".`, {
    remedy: BUILD_REMEDY,
    details: { image: name },
  });
}
