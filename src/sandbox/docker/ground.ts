/** What one host process finds out once about the container engine. */
import { statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { arch } from 'node:os';
import { z } from 'zod';
import { unavailable } from '../bubblewrap/ground.ts';
import { hostToken } from '../bubblewrap/token.ts';
import { ownUser } from '../process-table.ts';
import { type DockerProfile, dockerProfile } from '../seccomp/docker-profile.ts';
import { isSupported } from '../seccomp/filter.ts';
import { createEngine, type Engine } from './engine.ts';
import { unreachableRemedy } from './remedy.ts';

export interface Ground {
  readonly engine: Engine;
  readonly token: string;
  readonly profile: DockerProfile;
  readonly isRoot: boolean;
  readonly info: EngineInfo;
  readonly scratch: string;
}

const Info = z.object({
  ServerVersion: z.string().default('unknown'),
  OSType: z.string().default('linux'),
  MemoryLimit: z.boolean().default(false),
  CpuCfsQuota: z.boolean().default(false),
  PidsLimit: z.boolean().default(false),
});
export type EngineInfo = z.infer<typeof Info>;

/** Where engines listen: Docker's and Podman's own, then those of this user. */
function usualSockets(): string[] {
  const own = `/run/user/${ownUser()}`;
  return ['/var/run/docker.sock', '/run/podman/podman.sock', `${own}/docker.sock`, `${own}/podman/podman.sock`];
}

/** Undefined when there is none. */
export function findSocket(configured: string | undefined): string | undefined {
  const candidates = configured === undefined ? usualSockets() : [configured];
  return candidates.find((path) => isSocket(path));
}

function isSocket(path: string): boolean {
  try {
    return statSync(path).isSocket();
  } catch {
    return false; // Absent, or in a folder that is not ours to enter.
  }
}

export async function prepareGround(options: {
  readonly home: string;
  readonly scratch: string;
  readonly socketPath: string | undefined;
}): Promise<Ground> {
  const { home, scratch, socketPath } = options;
  const architecture = arch();
  if (!isSupported(architecture))
    throw unavailable(`there is no system call filter for ${architecture}`, 'Run Holdfast on x86-64 or arm64.');
  const found = findSocket(socketPath);
  if (found === undefined) {
    const place = socketPath ?? '/var/run/docker.sock';
    throw unavailable(`no container engine listens on ${place}`, unreachableRemedy(place, undefined));
  }
  const engine = createEngine(found);
  const info = Info.parse(await engine.call({ method: 'GET', path: '/info' }));
  if (info.OSType !== 'linux')
    throw unavailable(`the container engine runs ${info.OSType}`, 'Use an engine with Linux containers.');
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  const isRoot = ownUser() === 0;
  return { engine, info, isRoot, scratch, token: hostToken(home), profile: dockerProfile(architecture) };
}
