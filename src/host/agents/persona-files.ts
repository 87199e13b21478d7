import { constants } from 'node:fs';
import { lstat, mkdir, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../base/atomic-file.ts';
import type { Clock } from '../../base/clock.ts';
import { MAX_MEMORY_FILE, MAX_PERSONA_FILE, type PersonaFile, WRITABLE_PERSONA_FILES } from '../../protocol/agent.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { AgentId } from '../../protocol/ids.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { Principal } from '../control.ts';
import type { HostSql } from '../database.ts';
import { createFileHistory, type FileVersion } from './file-history.ts';

/**
 * The persona of an agent: files under `<home>/agents/<id>/` that a person may edit with any editor. The disk counts and
 * is looked at anew in each turn (one `stat` per file); the database keeps the newest versions, also of what was edited
 * by hand, so that a change can be taken back and a backup of the database holds them. Links are not followed.
 */
export interface PersonaFiles {
  /** As they are on the disk now. Absent ones are left out. */
  read(agentId: string): Promise<ReadonlyMap<PersonaFile, string>>;
  /** Those that are the agent's own, for a copy of it. */
  own(agentId: string): Promise<Partial<Record<PersonaFile, string>>>;
  /** Throws `bad-request` for a generated file, `too-large` above its cap. */
  write(agentId: string, name: PersonaFile, text: string, by: Principal): Promise<void>;
  /** Newest first, at most 20. */
  history(agentId: string, name: PersonaFile): Promise<FileVersion[]>;
  /** Makes an older version the current one again. */
  revert(agentId: string, name: PersonaFile, version: number, by: Principal): Promise<void>;
  /** The rows of a new agent's files, for the unit that makes it; `materialise` puts them on the disk. */
  initial(agentId: string, files: Partial<Record<PersonaFile, string>>, by: Principal): Statement[];
  /** Writes to the disk what only the database has: after the unit, or when the folder is gone. */
  materialise(agentId: string): Promise<void>;
  /** Writes a file that is generated, when it differs. */
  generate(agentId: string, name: 'SYSTEM.md' | 'TEAM.md', text: string): Promise<void>;
  /** Takes the folder away. The history stays. */
  purge(agentId: string): Promise<void>;
}

export interface PersonaFilesDeps {
  readonly store: Store;
  readonly sql: HostSql;
  readonly clock: Clock;
  /** `home.agents`. */
  readonly root: string;
}

/** Who an edit made on the disk is by: nobody signs a text editor. */
const ON_DISK: Principal = { id: 'owner', surface: 'file' };
const MOST_KEPT = 200;

interface Known {
  readonly stamp: string;
  readonly text: string;
}

export function createPersonaFiles(deps: PersonaFilesDeps): PersonaFiles {
  const history = createFileHistory(deps);
  const kept = new Map<string, Map<PersonaFile, Known>>();
  const folderOf = (agentId: string): string => join(deps.root, AgentId.parse(agentId));

  const knownOf = (agentId: string): Map<PersonaFile, Known> => {
    const known = kept.get(agentId) ?? new Map<PersonaFile, Known>();
    kept.delete(agentId);
    kept.set(agentId, known);
    const oldest = kept.keys().next();
    if (kept.size > MOST_KEPT && oldest.done !== true) kept.delete(oldest.value);
    return known;
  };

  const put = async (agentId: string, name: PersonaFile, text: string): Promise<void> => {
    const folder = folderOf(agentId);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFileAtomic(join(folder, name), text);
    const stamp = await stampOf(join(folder, name));
    if (stamp !== undefined) knownOf(agentId).set(name, { stamp, text });
  };

  const write: PersonaFiles['write'] = async (agentId, name, text, by) => {
    mustBeWritable(name);
    mustFit(name, text);
    await readOneFile(agentId, name); // What a person typed meanwhile gets its version first.
    await deps.store.write(await history.add(agentId, name, text, by));
    await put(agentId, name, text);
  };

  const readOneFile = async (agentId: string, name: PersonaFile): Promise<string | undefined> => {
    const path = join(folderOf(agentId), name);
    const known = knownOf(agentId);
    const stamp = await stampOf(path);
    if (stamp === undefined) {
      known.delete(name);
      return undefined;
    }
    const before = known.get(name);
    if (before?.stamp === stamp) return before.text;
    const text = await readText(path, name);
    known.set(name, { stamp, text });
    const last = isWritable(name) ? await history.latest(agentId, name) : { content: text };
    if (last?.content !== text) await deps.store.write(await history.add(agentId, name, text, ON_DISK));
    return text;
  };

  const materialise: PersonaFiles['materialise'] = async (agentId) => {
    await mkdir(folderOf(agentId), { recursive: true, mode: 0o700 });
    for (const version of await history.latestOfAll(agentId)) await put(agentId, version.name, version.content);
  };

  const read: PersonaFiles['read'] = async (agentId) => {
    const folder = await stat(folderOf(agentId)).catch(() => undefined);
    if (folder === undefined) await materialise(agentId);
    const files = new Map<PersonaFile, string>();
    for (const name of WRITABLE_PERSONA_FILES) {
      const text = await readOneFile(agentId, name);
      if (text !== undefined) files.set(name, text);
    }
    return files;
  };

  return {
    read,
    own: async (agentId) => Object.fromEntries(await read(agentId)),
    write,
    history: (agentId, name) => history.of(agentId, name),
    async revert(agentId, name, version, by) {
      const old = (await history.of(agentId, name)).find((one) => one.version === version);
      if (old === undefined) throw new HoldfastError('not-found', `${name} of ${agentId} has no version ${version}.`);
      await write(agentId, name, old.content, by);
    },
    initial: (agentId, files, by) =>
      WRITABLE_PERSONA_FILES.flatMap((name) => {
        const text = files[name];
        if (text === undefined) return [];
        mustFit(name, text);
        return [history.first(agentId, name, text, by)];
      }),
    materialise,
    async generate(agentId, name, text) {
      const path = join(folderOf(agentId), name);
      const before = knownOf(agentId).get(name);
      if (before?.text === text && before.stamp === (await stampOf(path))) return;
      await put(agentId, name, text);
    },
    async purge(agentId) {
      kept.delete(agentId);
      await rm(folderOf(agentId), { recursive: true, force: true });
    },
  };
}

const isWritable = (name: PersonaFile): boolean => WRITABLE_PERSONA_FILES.includes(name);
const mostOf = (name: PersonaFile): number => (name === 'MEMORY.md' ? MAX_MEMORY_FILE : MAX_PERSONA_FILE);

function mustBeWritable(name: PersonaFile): void {
  if (isWritable(name)) return;
  const owner = name === 'TEAM.md' ? 'It belongs to the team: edit it there.' : 'It is generated from live facts.';
  throw new HoldfastError('bad-request', `${name} is not written here.`, { remedy: owner });
}

function mustFit(name: PersonaFile, text: string): void {
  if (text.length <= mostOf(name)) return;
  throw new HoldfastError('too-large', `${name} would have ${text.length} characters; it may have ${mostOf(name)}.`, {
    remedy: 'Shorten it, or keep the rest in a file of the agent’s own volume.',
  });
}

/** Changes whenever the file does; undefined when there is none, or when it is no ordinary file. */
async function stampOf(path: string): Promise<string | undefined> {
  const facts = await lstat(path, { bigint: true }).catch(() => undefined);
  if (facts === undefined || !facts.isFile()) return undefined;
  return `${facts.ino}:${facts.size}:${facts.mtimeNs}`;
}

/** At most so much as the file may hold: an editor may have saved more. */
async function readText(path: string, name: PersonaFile): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const buffer = Buffer.alloc(mostOf(name) * 4);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return buffer.subarray(0, bytesRead).toString('utf8').slice(0, mostOf(name));
  } finally {
    await file.close();
  }
}
