import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../base/atomic-file.ts';
import type { Clock } from '../../base/clock.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { AgentId } from '../../protocol/ids.ts';
import { MAX_TEAM_FILE } from '../../protocol/team.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { Principal } from '../control.ts';
import type { HostSql } from '../database.ts';
import { createTemplateVersions } from '../workers/template-versions.ts';

/** TEAM.md of each team, under `<home>/teams/<id>/`, for people to edit; older texts are kept in the database. */
export interface TeamFiles {
  /** As it is now; undefined when there is none. */
  read(team: string): Promise<string | undefined>;
  write(team: string, text: string, by: Principal): Promise<void>;
  /** For a unit of the caller's; `materialise` afterwards. */
  version(team: string, text: string, by: Principal): Promise<Statement>;
  materialise(team: string): Promise<void>;
}

const NAME = 'TEAM.md';

export function createTeamFiles(deps: { store: Store; sql: HostSql; clock: Clock; root: string }): TeamFiles {
  const versions = createTemplateVersions('team', deps);
  const folderOf = (team: string): string => join(deps.root, AgentId.parse(team));
  const put = async (team: string, text: string): Promise<void> => {
    await mkdir(folderOf(team), { recursive: true, mode: 0o700 });
    await writeFileAtomic(join(folderOf(team), NAME), text);
  };
  const materialise: TeamFiles['materialise'] = async (team) => {
    const [newest] = await versions.of(team);
    if (newest?.content != null) await put(team, newest.content);
  };
  const version: TeamFiles['version'] = async (team, text, by) => {
    if (text.length > MAX_TEAM_FILE) {
      throw new HoldfastError(
        'too-large',
        `TEAM.md would have ${text.length} characters; it may have ${MAX_TEAM_FILE}.`,
      );
    }
    return await versions.add(team, text, by);
  };
  return {
    version,
    materialise,
    async read(team) {
      if ((await stat(folderOf(team)).catch(() => undefined)) === undefined) await materialise(team);
      const text = await readFile(join(folderOf(team), NAME), 'utf8').catch(() => undefined);
      return text?.slice(0, MAX_TEAM_FILE);
    },
    async write(team, text, by) {
      await deps.store.write([await version(team, text, by)]);
      await put(team, text);
    },
  };
}
