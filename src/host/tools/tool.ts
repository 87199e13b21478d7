import type { z } from 'zod';
import type { EventOf } from '../../protocol/event.ts';
import type { Integrity, Label } from '../../protocol/label.ts';
import type { Permissions } from '../../protocol/permission.ts';
import type { Resource } from '../../protocol/resource.ts';
import type { RunKind } from '../../protocol/run.ts';
import type { Risk, ToolOutcome } from '../../protocol/tool.ts';
import type { FetchHosts } from '../../protocol/vault-api.ts';
import type { Sandbox } from '../../sandbox/launcher.ts';
import type { Folder } from '../runs/spec.ts';

/**
 * The contract of a tool. `execute` is called only after the gate allowed the exact arguments and the effect row says
 * `started`. It never throws for an expected failure: that is an outcome the model can read.
 */
export interface Tool<Input = unknown> {
  readonly name: string;
  /** What the model reads; looked at anew for each call of it. Long ones live in a `.md` file beside the tool. */
  readonly description: string;
  readonly input: z.ZodType<Input>;
  readonly risk: Risk;
  /** After a crash a started call of an idempotent tool is run again; another one is `unknown`. */
  readonly idempotent: boolean;
  /** Consecutive calls of such tools in one message run side by side. */
  readonly parallel: boolean;
  /** Needed now and then: a model that has `find_tools` is told of it only once it looked for it. */
  readonly deferred?: boolean;
  /** Loop detection never warns or skips it (it may still stop the run). */
  readonly loopExempt?: boolean;
  /** Waits for something else (a child run): no tool timeout applies. */
  readonly waits?: boolean;
  /** What these arguments would touch, resolved by the host (links followed). The gate decides by it. Default: nothing. */
  resources?(input: Input, caller: ToolCaller): Promise<readonly Resource[]>;
  /** Acts in the person's name (speaks to people, spends, deletes): the worst integrity that may lead its arguments. */
  readonly requires?: Integrity;
  /** Each call starts one run, whose id follows from the effect's (see `childRunId`). */
  readonly startsRun?: boolean;
  /** For a tool that ends its run with a question to its parent: the question. The answer becomes its result. */
  question?(input: Input): string;
  execute(input: Input, context: ToolContext): Promise<ToolOutcome>;
  /** After a crash: finds out what became of a call that was started. `undefined`: nobody knows. */
  reconcile?(input: Input, context: ToolContext): Promise<ToolOutcome | undefined>;
}

/** Whose call it is, as far as what it touches depends on it. */
export interface ToolCaller {
  readonly agentId: string;
  readonly team?: string | undefined;
  readonly permissions?: Permissions | undefined;
  readonly kind?: RunKind | undefined;
  /** Folders of the owner's that it holds. */
  readonly folders?: readonly Folder[] | undefined;
  /** Templates that it may start, if it is a worker. */
  readonly children?: readonly string[] | undefined;
}

export interface ToolContext {
  readonly runId: string;
  readonly agentId: string;
  readonly sessionId: string | undefined;
  readonly effectId: string;
  readonly callId: string;
  /** The person the run acts for. */
  readonly principal: string;
  /**
   * The label of these arguments: of all that led to them, or a person's who was shown every byte and allowed them. What
   * a tool stores, sends or hands on carries it.
   */
  readonly label: Label;
  readonly signal: AbortSignal;
  /** Where its fetches may go, for what the gate cannot see beforehand: a redirect. */
  readonly hosts?: FetchHosts;
  /** The run's sandbox, made on first use. Throws `sandbox.unavailable` with the remedy. */
  readonly sandbox: () => Promise<Sandbox>;
  /** Live output for screens; lossy, never stored. */
  readonly output: (stream: 'stdout' | 'stderr', text: string) => void;
  readonly progress: (text: string) => void;
  /** Journals an event of the run: an artifact that was made, a text that was read apart. */
  readonly record: (event: EventOf<'artifact.created' | 'reader.finished'>) => Promise<void>;
}

/** Any tool. Its input was parsed by its own schema before `execute` sees it; methods are bivariant, so no cast is needed. */
export type AnyTool = Tool<unknown>;
