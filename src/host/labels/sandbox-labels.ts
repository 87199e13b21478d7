import { folderLabel } from '../../policy/sinks.ts';
import { isPrivate, joinAll, joinLabels, type Label } from '../../protocol/label.ts';
import type { Risk, ToolOutcome } from '../../protocol/tool.ts';
import type { Statement } from '../../storage/store.ts';
import type { RunSpec } from '../runs/spec.ts';
import type { LabelAreas } from './areas.ts';

/**
 * Labels of what goes into and comes out of a run's sandbox. A program may have read whatever the sandbox holds, so its
 * output has the label of all of it: the files of the volume, the folders of the user's that are mounted, the arguments
 * it was called with. A file tool names one file and has that file's label. What was written stays in the volume.
 */
export interface SandboxLabels {
  /** What the sandbox holds, whether the model has read it or not. */
  held(run: LabelledRun): Promise<Label>;
  /** Before a call, for the unit that starts it: what the arguments bring in. */
  before(run: LabelledRun, call: SandboxCall): Promise<readonly Statement[]>;
  /** After it: the outcome with its label, and what came in meanwhile, for the unit that ends it. */
  after(run: LabelledRun, call: SandboxCall, outcome: ToolOutcome): Promise<Labelled>;
  /** For the unit that ends a run whose volume goes with it. */
  forget(run: LabelledRun): readonly Statement[];
}

export interface LabelledRun {
  readonly runId: string;
  readonly spec: RunSpec;
}

export interface SandboxCall {
  readonly risk: Risk;
  /** Of the arguments. */
  readonly label: Label;
}

export interface Labelled {
  readonly outcome: ToolOutcome;
  readonly statements: readonly Statement[];
}

export function createSandboxLabels(areas: LabelAreas): SandboxLabels {
  const foldersOf = ({ spec }: LabelledRun): Label =>
    joinAll(spec.folders.map((folder) => folderLabel(folder.path, spec.principal)));
  const held = async (run: LabelledRun): Promise<Label> => joinLabels(await areas.of(areaOf(run)), foldersOf(run));

  return {
    held,
    async before(run, { risk, label }) {
      if (risk === 'sandbox-write') return await areas.raise(areaOf(run), label);
      if (risk !== 'sandbox-execute') return [];
      return await areas.raise(areaOf(run), joinLabels(label, foldersOf(run)));
    },
    async after(run, { risk }, outcome) {
      if (!risk.startsWith('sandbox-')) return { outcome: ownedBy(outcome, run.spec.principal), statements: [] };
      const inside = risk === 'sandbox-execute' ? await held(run) : await areas.of(areaOf(run));
      const owned = ownedBy(outcome, run.spec.principal);
      const labelled = { ...owned, label: joinLabels(owned.label, inside) };
      const statements = risk === 'sandbox-execute' ? await areas.raise(areaOf(run), labelled.label) : [];
      return { outcome: labelled, statements };
    },
    forget: (run) => (run.spec.volume === undefined && run.spec.kind === 'worker' ? [areas.forget(areaOf(run))] : []),
  };
}

/** A volume is a run's own, or an agent's that lasts. */
function areaOf({ runId, spec }: LabelledRun): string {
  return `volume:${spec.volume ?? runId}`;
}

/** What is private and names no readers belongs to the person the run acts for. */
function ownedBy(outcome: ToolOutcome, principal: string): ToolOutcome {
  const { label } = outcome;
  if (principal === 'owner' || !isPrivate(label) || label.principals !== undefined) return outcome;
  return { ...outcome, label: { ...label, principals: [principal] } };
}
