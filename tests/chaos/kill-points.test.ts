import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Tool } from '../../src/host/tools/tool.ts';
import { SYSTEM_LABEL } from '../../src/protocol/label.ts';
import type { Store } from '../../src/storage/store.ts';
import { createScriptedModel } from '../../src/testing/scripted-model.ts';
import { createTestCore, type TestCore } from '../../src/testing/test-core.ts';

/**
 * The host dies at every single write of a run with a worker, a tool that must not run twice and a question; just before
 * the commit, and just after it but before anybody heard of it. Then a new host opens the same database.
 * Expected every time: one answer, the effect at most once, one worker, and nothing left open.
 */
type Death = 'before' | 'after';

/** A store that lives for `writes` more writes; `died` resolves at its death, and no later promise ever settles. */
function mortal(store: Store, life: { writes: number; death: Death; died: () => void }): Store {
  let left = life.writes;
  const never = new Promise<never>(() => {});
  return {
    dialect: store.dialect,
    read: (statement) => (left < 0 ? never : store.read(statement)),
    async write(unit) {
      left -= 1;
      if (left > 0) return await store.write(unit);
      if (left === 0) {
        if (life.death === 'after') await store.write(unit);
        life.died();
      }
      left = -1;
      return await never;
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

const chat = { agentId: 'operator', channel: 'local', chatId: 'owner' };

interface Play {
  readonly effects: string[];
  readonly model: ReturnType<typeof createScriptedModel>;
  readonly tools: readonly Tool[];
}

/** The same with a worker that nobody waits for: its result must reach the session by itself, once. */
function backgroundScenario(): Play {
  const { effects, tools } = scenario();
  const model = createScriptedModel((request) => {
    const last = request.transcript.at(-1);
    if (request.system.includes('You are a worker of Holdfast'))
      return last?.role === 'tool'
        ? `posted (${last.text.slice(0, 7)})`
        : { calls: [{ tool: 'post', input: { text: 'hello' } }] };
    if (last?.role === 'user' && last.text.startsWith('[Holdfast]'))
      return `told: ${/posted \(\w+\)/.exec(last.text)?.[0]}`;
    if (last?.role === 'tool') return 'under way';
    return { calls: [{ tool: 'spawn_worker', input: { template: 'writer', task: 'post it', background: true } }] };
  });
  return { effects, model, tools };
}

function scenario(): Play {
  const effects: string[] = [];
  const post: Tool<{ text: string }> = {
    name: 'post',
    description: 'Posts a text; posting twice is visible.',
    input: z.strictObject({ text: z.string() }),
    risk: 'control',
    idempotent: false,
    parallel: false,
    async execute(input) {
      effects.push(input.text);
      return { status: 'ok', text: 'posted', label: SYSTEM_LABEL };
    },
  };
  const model = createScriptedModel((request) => {
    const results = request.transcript.filter((message) => message.role === 'tool');
    const last = results.at(-1);
    if (request.system.includes('You are a worker of Holdfast')) {
      if (results.length === 0) return { calls: [{ tool: 'post', input: { text: 'hello' } }] };
      if (results.length === 1) return { calls: [{ tool: 'ask_parent', input: { question: 'ok?' } }] };
      return `posted (${results[0]?.role === 'tool' ? results[0].text.slice(0, 7) : ''}), told ${last?.role === 'tool' ? last.text : ''}`;
    }
    if (last?.role !== 'tool')
      return { calls: [{ tool: 'spawn_worker', input: { template: 'writer', task: 'post it' } }] };
    const report = JSON.parse(last.text) as { worker: string; status: string; text: string };
    if (report.status === 'question')
      return { calls: [{ tool: 'answer_worker', input: { worker: report.worker, answer: 'yes' } }] };
    return `${report.status}: ${report.text}`;
  });
  return { effects, model, tools: [post] };
}

async function send(world: TestCore): Promise<void> {
  const session = await world.core.sessions.active(chat);
  const { message, isNew } = await world.core.inbox.receive({
    channel: 'local',
    platformMessageId: 'm1',
    session,
    principal: 'owner',
    text: 'go',
  });
  if (isNew) world.core.lanes.add(session.id, message.run_id);
}

/** One life that dies at the given write, then one that lives; returns what a user and an auditor would find. */
async function dieAndRecover(writes: number, death: Death, play: Play) {
  const home = await mkdtemp(join(tmpdir(), 'holdfast-chaos-'));
  try {
    const reached = await firstLife(home, play, { writes, death });
    await using world = await createTestCore({ ...play, home });
    await world.core.recover();
    // The platform delivers the message again, as it would to a host that never acknowledged it.
    await send(world);
    const history = await untilIdle(world);
    return {
      reached,
      states: history.map((message) => message.state),
      answer: history.at(-1)?.answer ?? '',
      effects: play.effects.length,
      runs: (await world.core.runs.list({ limit: 100 })).length,
    };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** Waits until no run is open and returns the conversation. */
async function untilIdle(world: TestCore) {
  for (const deadline = Date.now() + 20_000; ; await delay(5)) {
    const open = await world.core.runs.open();
    const [session] = await world.core.sessions.list('operator');
    if (open.length === 0) return await world.core.inbox.history(session?.id ?? '', 10);
    if (Date.now() > deadline)
      throw new Error(`still open: ${open.map((run) => `${run.kind} ${run.state}`).join(', ')}`);
  }
}

/** Returns true when it died, false when the scenario was over before. */
async function firstLife(home: string, play: Play, life: { writes: number; death: Death }): Promise<boolean> {
  let died = (): void => {};
  const death = new Promise<true>((resolve) => {
    died = () => resolve(true);
  });
  const world = await createTestCore({ ...play, home });
  await world.abandon();
  const mortalWorld = await createTestCore({
    ...play,
    home,
    operatorReady: true,
    wrapStore: (store) => mortal(store, { ...life, died }),
  });
  const done = send(mortalWorld).then(async () => {
    await untilIdle(mortalWorld);
    return false as const;
  });
  done.catch(() => {}); // A dead world never gets idle.
  const reached = await Promise.race([death, done]);
  await mortalWorld.abandon();
  return reached;
}

const PLAYS = [
  {
    name: 'that waits for its worker',
    play: scenario,
    expected: { states: ['answered'], runs: 2 },
    answer: /^result: posted \((posted|Unknown)\), told yes$/,
    writes: 20,
  },
  {
    name: 'whose worker goes on in the background',
    play: backgroundScenario,
    expected: { states: ['answered', 'answered'], runs: 3 },
    answer: /^told: posted \((posted|Unknown)\)$/,
    writes: 15,
  },
];
const DEATHS: readonly Death[] = ['before', 'after'];

describe.each(PLAYS)('a run $name', ({ play, expected, answer, writes: least }) => {
  it.each(DEATHS)(
    'loses nothing and repeats nothing when the host dies %s any commit',
    { timeout: 300_000 },
    async (death) => {
      let writes = 1;
      let unknown = 0;
      for (; ; writes += 1) {
        const found = await dieAndRecover(writes, death, play());
        expect({ writes, ...found }).toMatchObject({ writes, ...expected });
        expect(found.answer).toMatch(answer);
        expect(found.effects).toBeLessThanOrEqual(1);
        // Done at most once; when nobody can know whether it was done, the answer says so.
        if (found.effects === 0) expect(found.answer).toContain('Unknown');
        if (found.answer.includes('Unknown')) unknown += 1;
        if (!found.reached) break;
      }
      expect(writes).toBeGreaterThan(least);
      expect(unknown).toBeGreaterThan(0);
    },
  );
});
