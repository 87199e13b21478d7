import { isUntrusted, type Label, SYSTEM_LABEL } from '../../protocol/label.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import type { Statement } from '../../storage/store.ts';
import type { LabelledRun } from '../labels/sandbox-labels.ts';
import type { RunSpec } from '../runs/spec.ts';
import { QUARANTINE_TOOLS } from './quarantine-tools.ts';
import type { UntrustedRefs } from './refs.ts';

/**
 * For runs with `untrusted: quarantine`: no tool result that nobody vouches for reaches the model. It gets a reference,
 * and its context stays as clean as it was. Nothing of the text is in what it gets, not even where it came from: a
 * stranger chooses the names of hosts and files too.
 */
export interface Quarantine {
  /** What the model is given instead of a tool's outcome, and the rows for the unit that ends the call. */
  keep(run: LabelledRun, tool: string, outcome: ToolOutcome): Promise<Kept>;
  /** The same for a text that comes to a run by another way, such as the result of a background worker. */
  hide(run: LabelledRun, from: HiddenText): Promise<HiddenText & { readonly statements: readonly Statement[] }>;
}

export interface Kept {
  readonly outcome: ToolOutcome;
  readonly statements: readonly Statement[];
}

export interface HiddenText {
  readonly tool: string;
  readonly text: string;
  readonly label: Label;
}

export function createQuarantine(refs: UntrustedRefs): Quarantine {
  const hide: Quarantine['hide'] = async ({ runId, spec }, from) => {
    if (spec.untrusted !== 'quarantine' || !isUntrusted(from.label)) return { ...from, statements: [] };
    const { agentId, sessionId } = spec;
    const made = await refs.make(from.text, { agentId, sessionId, runId, tool: from.tool, label: from.label });
    const text = `[${made.bytes} bytes that strangers wrote are not shown to you. They are kept as ${made.id}: ask for facts from them with read_untrusted, or hand them over with deliver_untrusted.]`;
    return { tool: from.tool, text, label: SYSTEM_LABEL, statements: [made.statement] };
  };
  return {
    hide,
    async keep(run, tool, outcome) {
      if (QUARANTINE_TOOLS.some((name) => name === tool)) return { outcome, statements: [] };
      const { text, label, statements } = await hide(run, { tool, text: outcome.text, label: outcome.label });
      if (statements.length === 0) return { outcome, statements };
      return { outcome: { status: outcome.status, text, label }, statements };
    },
  };
}

/** A run that is not shown untrusted text has the tools that work with references. */
export function withQuarantineTools(spec: RunSpec): RunSpec {
  if (spec.untrusted !== 'quarantine') return spec;
  return { ...spec, tools: [...new Set([...spec.tools, ...QUARANTINE_TOOLS])] };
}
