import type { Clock } from '../../base/clock.ts';
import type { EventOf } from '../../protocol/event.ts';
import type { Label } from '../../protocol/label.ts';
import type { BlobStore } from '../../storage/blob-store.ts';
import type { Statement, Store } from '../../storage/store.ts';
import type { Artifacts } from '../artifacts/artifacts.ts';
import type { AuditSink } from '../audit/sink.ts';
import type { HostSql } from '../database.ts';
import { createNamedAddresses } from '../inbox/named-addresses.ts';
import type { Journal } from '../journal/journal.ts';
import type { Model } from '../models/model.ts';
import { createQuarantine, type Quarantine } from '../quarantine/quarantine.ts';
import { createQuarantineTools } from '../quarantine/quarantine-tools.ts';
import { createUntrustedReader } from '../quarantine/reader.ts';
import { createUntrustedRefs } from '../quarantine/refs.ts';
import { createFlowGate, type FlowGate } from '../runs/flow-facts.ts';
import type { RunStore } from '../runs/run-store.ts';
import type { RunWriter } from '../runs/run-writer.ts';
import { createSessionTranscripts, type SessionTranscripts } from '../runs/session-transcript.ts';
import type { RunSpec } from '../runs/spec.ts';
import type { AnyTool } from '../tools/tool.ts';
import { createLabelAreas } from './areas.ts';
import { createFlowExceptions, type FlowExceptions } from './exceptions.ts';
import { createSandboxLabels, type SandboxLabels } from './sandbox-labels.ts';

/** What the core needs to carry labels along and to let them decide. */
export interface Labels {
  readonly exceptions: FlowExceptions;
  readonly sandboxLabels: SandboxLabels;
  readonly flow: FlowGate;
  readonly transcripts: SessionTranscripts;
  readonly quarantine: Quarantine;
  /** The tools that work with texts their caller was not shown. */
  tools(deps: { model: Model; artifacts: Artifacts }): AnyTool[];
  /** What a new run's model will read besides its input: the earlier turns of its session. */
  earlier(runId: string, spec: RunSpec): Promise<Label | undefined>;
  /** For the unit that ends a run. */
  onFinish(writer: RunWriter, event: EventOf<'run.finished'>): readonly Statement[];
}

export function createLabels(deps: {
  store: Store;
  sql: HostSql;
  clock: Clock;
  journal: Journal;
  runs: RunStore;
  blobs: BlobStore;
  audit: AuditSink;
}): Labels {
  const exceptions = createFlowExceptions(deps);
  const sandboxLabels = createSandboxLabels(createLabelAreas(deps));
  const flow = createFlowGate({ exceptions, sandboxLabels, named: createNamedAddresses(deps), clock: deps.clock });
  const refs = createUntrustedRefs(deps);
  const transcripts = createSessionTranscripts(deps);
  return {
    exceptions,
    sandboxLabels,
    flow,
    transcripts,
    quarantine: createQuarantine(refs),
    tools: ({ model, artifacts }) =>
      createQuarantineTools({
        refs,
        artifacts,
        reader: createUntrustedReader({ model, clock: deps.clock }),
        modelOf: async (runId) => (await deps.runs.get(runId)).model,
      }),
    earlier: async (runId, { kind, sessionId }) =>
      kind === 'chat' && sessionId !== undefined ? await transcripts.labelBefore(sessionId, runId) : undefined,
    onFinish: (writer, { state }) => (state === 'asked' ? [] : sandboxLabels.forget(writer)),
  };
}
