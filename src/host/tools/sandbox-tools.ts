import { createEditFile } from './edit-file.ts';
import { createListFiles } from './list-files.ts';
import { createReadFile } from './read-file.ts';
import { createRunCommand, type RunCommandDeps } from './run-command.ts';
import { createSaveArtifact, type SaveArtifactDeps } from './save-artifact.ts';
import { createSearchFiles } from './search-files.ts';
import type { AnyTool } from './tool.ts';
import { createWriteFile } from './write-file.ts';

export type SandboxToolsDeps = RunCommandDeps & SaveArtifactDeps;

/** The tools that act in a run's sandbox. */
export function createSandboxTools(deps: SandboxToolsDeps): AnyTool[] {
  return [
    createRunCommand(deps),
    createReadFile(),
    createWriteFile(),
    createEditFile(),
    createListFiles(),
    createSearchFiles(),
    createSaveArtifact(deps),
  ];
}
