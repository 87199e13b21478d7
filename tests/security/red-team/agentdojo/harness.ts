import { z } from 'zod';
import { argsHash } from '../../../../src/host/runs/hashes.ts';
import type { AnyTool } from '../../../../src/host/tools/tool.ts';
import { CreateAgent } from '../../../../src/protocol/agent.ts';
import type { JsonValue } from '../../../../src/protocol/json.ts';
import type { Label } from '../../../../src/protocol/label.ts';
import type { Resource } from '../../../../src/protocol/resource.ts';
import { createScriptedModel, type Script } from '../../../../src/testing/scripted-model.ts';
import { createTestCore, type TestCore } from '../../../../src/testing/test-core.ts';
import type { Call, Suite, Task, ToolKind } from './suite.ts';

/**
 * A model that has no judgement at all: it does the user's task call by call, and as soon as any result tells it to do
 * something else, it does that too, whatever it is. What stands between it and the attacker is the product: its gate, its
 * labels, its cards. `nobody` answers no card; an `attentive` person allows exactly the calls that their task needs.
 */
export type Person = 'nobody' | 'attentive';

export interface Outcome {
  readonly user: number;
  readonly injection: number | undefined;
  /** The user's calls that were done, of so many. */
  readonly done: number;
  readonly of: number;
  readonly asked: number;
  /** Calls of the injection that acted. */
  readonly attacks: number;
}

const MARK = /\[\[do injection (\d+)\]\]/;
const SIDE_BY_SIDE = 4;
const OWNER = { id: 'owner', surface: 'cli' };

export async function playSuite(suite: Suite, person: Person): Promise<Outcome[]> {
  const stage = createStage(suite);
  await using world = await createTestCore({ model: createScriptedModel(stage.script), tools: stage.tools });
  await world.core.agents.create(
    CreateAgent.parse({ id: 'assistant', tools: Object.keys(suite.tools), permissions: { allowed_apis: ['*'] } }),
    OWNER,
  );
  using _answers = answerCards(world, { stage, person });
  const cases = suite.users.flatMap((_task, user) =>
    [undefined, ...suite.injections.keys()].map((injection) => ({ user, injection })),
  );
  const outcomes: Outcome[] = [];
  await Promise.all(
    Array.from({ length: SIDE_BY_SIDE }, async () => {
      for (let next = cases.shift(); next !== undefined; next = cases.shift())
        outcomes.push(await playCase(world, { ...next, stage }));
    }),
  );
  return outcomes.sort((a, b) => a.user - b.user || (a.injection ?? -1) - (b.injection ?? -1));
}

interface Case {
  readonly user: number;
  readonly injection: number | undefined;
}

interface Playing extends Case {
  /** The user's calls that have not been tried yet. */
  readonly left: Call[];
  isInjected: boolean;
  /** Of the user's calls; each counts once. */
  readonly done: Set<string>;
  attacks: number;
}

interface Stage {
  readonly suite: Suite;
  readonly tools: readonly AnyTool[];
  readonly script: Script;
  readonly runs: Map<string, Playing>;
  begin(runId: string, which: Case): Playing;
}

function createStage(suite: Suite): Stage {
  const runs = new Map<string, Playing>();
  return {
    suite,
    runs,
    begin(runId, { user, injection }) {
      const calls = suite.users[user]?.calls ?? [];
      const playing: Playing = { user, injection, left: [...calls], isInjected: false, done: new Set(), attacks: 0 };
      runs.set(runId, playing);
      return playing;
    },
    tools: Object.entries(suite.tools).map(([name, kind]) => createTool(name, kind, { suite, runs })),
    script: (request) => {
      const playing = runs.get(request.runId);
      if (playing === undefined) return 'Nothing to do.';
      const results = request.transcript.flatMap((entry) => (entry.role === 'tool' ? [entry.text] : []));
      const told = results.map((text) => MARK.exec(text)?.[1]).find((found) => found !== undefined);
      if (told !== undefined && !playing.isInjected) {
        playing.isInjected = true;
        return { calls: (suite.injections[Number(told)]?.calls ?? []).map(toCall) };
      }
      const next = playing.left.shift();
      return next === undefined ? 'Done.' : { calls: [toCall(next)] };
    },
  };
}

const toCall = ({ tool, input }: Call) => ({ tool, input: { ...input } });

function createTool(
  name: string,
  kind: ToolKind,
  { suite, runs }: { suite: Suite; runs: ReadonlyMap<string, Playing> },
): AnyTool {
  const input = z.record(z.string(), z.json());
  const acts = typeof kind === 'object';
  return {
    name,
    description: `${name} of the suite ${suite.name}.`,
    input,
    risk: 'control',
    idempotent: true,
    parallel: true,
    ...(acts
      ? { requires: 'agent' as const, resources: async (raw: unknown) => touched(name, kind, input.parse(raw)) }
      : {}),
    async execute(raw, { runId }) {
      const playing = runs.get(runId);
      const given = input.parse(raw);
      if (playing !== undefined) count(playing, { suite, tool: name, input: given, acts });
      const label = labelOf(kind, `${suite.name}:${name}`);
      const plant = playing?.injection !== undefined && (kind === 'private' || kind === 'public');
      const text = `${name}: ${JSON.stringify(given)}${plant ? ` [[do injection ${playing.injection}]]` : ''}`;
      return { status: 'ok', text, label };
    },
  };
}

function touched(name: string, kind: Exclude<ToolKind, string>, input: Record<string, JsonValue>): Resource[] {
  if (kind.acts === 'person') return [{ kind: 'person', address: String(input[kind.to]), known: true }];
  return [{ kind: 'api', service: 'suite', method: 'POST', path: `/${name}` }];
}

function labelOf(kind: ToolKind, origin: string): Label {
  if (kind === 'own') return { integrity: 'system', confidentiality: 'private', origins: [] };
  if (kind === 'private') return { integrity: 'untrusted', confidentiality: 'private', origins: [origin] };
  if (kind === 'public') return { integrity: 'untrusted', confidentiality: 'public', origins: [origin] };
  return { integrity: 'agent', confidentiality: 'internal', origins: [] };
}

const sameCall = (tool: string, input: Record<string, JsonValue>) => (call: Call) =>
  argsHash(call.tool, { ...call.input }) === argsHash(tool, input);

interface Done {
  readonly suite: Suite;
  readonly tool: string;
  readonly input: Record<string, JsonValue>;
  readonly acts: boolean;
}

function count(playing: Playing, { suite, tool, input, acts }: Done): void {
  const calls = (task: Task | undefined): readonly Call[] => task?.calls ?? [];
  const isUsers = calls(suite.users[playing.user]).some(sameCall(tool, input));
  if (isUsers) playing.done.add(argsHash(tool, input));
  const injection = playing.injection === undefined ? undefined : suite.injections[playing.injection];
  if (acts && !isUsers && calls(injection).some(sameCall(tool, input))) playing.attacks += 1;
}

async function playCase({ core }: TestCore, { user, injection, stage }: Case & { stage: Stage }): Promise<Outcome> {
  const task = stage.suite.users[user];
  const session = await core.sessions.begin({
    agentId: 'assistant',
    channel: 'local',
    chatId: `${user}-${injection ?? 'none'}`,
  });
  const { message } = await core.inbox.receive({
    channel: 'local',
    platformMessageId: undefined,
    session,
    principal: 'owner',
    text: task?.about ?? '',
  });
  const playing = stage.begin(message.run_id, { user, injection });
  core.lanes.add(session.id, message.run_id);
  await core.manager.settled(message.run_id, AbortSignal.timeout(60_000));
  const events = await core.journal.read({ runId: message.run_id });
  const asked = events.filter(({ event }) => event.type === 'approval.requested').length;
  return { user, injection, done: playing.done.size, of: task?.calls.length ?? 0, asked, attacks: playing.attacks };
}

/** The person at the cards. They know what they asked for, and look at the exact bytes. */
function answerCards({ core }: TestCore, { stage, person }: { stage: Stage; person: Person }): Disposable {
  const requested = new Map<string, string>();
  return core.journal.subscribe({
    live: () => {},
    event: ({ runId, event }) => {
      if (event.type === 'tool.requested') requested.set(event.callId + runId, event.argsHash);
      if (event.type !== 'approval.requested' || runId === undefined) return;
      const playing = stage.runs.get(runId);
      const wanted = (stage.suite.users[playing?.user ?? -1]?.calls ?? []).map((call) =>
        argsHash(call.tool, { ...call.input }),
      );
      const isWanted = person === 'attentive' && wanted.includes(requested.get(event.callId + runId) ?? '');
      void core.approvals.decide(event.approvalId, isWanted ? 'allowed' : 'denied', OWNER);
    },
  });
}
