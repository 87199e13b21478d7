import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Tool } from '../../src/host/tools/tool.ts';
import { SYSTEM_LABEL } from '../../src/protocol/label.ts';
import type { Store } from '../../src/storage/store.ts';
import { hasPostgres } from '../../src/testing/postgres.ts';
import { createScriptedModel } from '../../src/testing/scripted-model.ts';
import { createTestCore, type TestCore } from '../../src/testing/test-core.ts';
import { openStores, STORE_KINDS, type TestStores } from '../../src/testing/test-stores.ts';

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

function scenario() {
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
async function dieAndRecover(stores: TestStores, writes: number, death: Death) {
  const home = await mkdtemp(join(tmpdir(), 'holdfast-chaos-'));
  const play = { ...scenario(), stores };
  try {
    const reached = await firstLife(home, play, { writes, death });
    await using world = await createTestCore({ ...play, home });
    await world.core.recover();
    // The platform delivers the message again, as it would to a host that never acknowledged it.
    await send(world);
    const [session] = await world.core.sessions.list('operator');
    const [message, ...more] = await world.core.inbox.history(session?.id ?? '', 10);
    await world.core.manager.settled(message?.run_id ?? '', AbortSignal.timeout(20_000));
    const answered = await world.core.inbox.get(message?.id ?? '');
    return {
      reached,
      messages: 1 + more.length,
      state: answered.state,
      answer: answered.answer ?? '',
      effects: play.effects.length,
      runs: (await world.core.runs.list({ limit: 100 })).length,
      open: (await world.core.runs.open()).length,
    };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** Returns true when it died, false when the scenario was over before. */
async function firstLife(
  home: string,
  play: ReturnType<typeof scenario> & { readonly stores: TestStores },
  life: { writes: number; death: Death },
): Promise<boolean> {
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
    const [session] = await mortalWorld.core.sessions.list('operator');
    const [message] = await mortalWorld.core.inbox.history(session?.id ?? '', 1);
    await mortalWorld.core.manager.settled(message?.run_id ?? '', new AbortController().signal);
    return false as const;
  });
  const reached = await Promise.race([death, done]);
  await mortalWorld.abandon();
  return reached;
}

describe.each(STORE_KINDS)('on %s', (kind) => {
  const present = kind === 'sqlite' || hasPostgres();
  let stores: TestStores;
  beforeAll(async () => {
    if (present) stores = await openStores(kind);
  });
  afterAll(async () => {
    if (present) await stores[Symbol.asyncDispose]();
  });
  describe.runIf(present)('the core', () => {
    describe.each<Death>(['before', 'after'])('death %s the commit', (death) => {
      it('loses nothing and repeats nothing at any write of a run', { timeout: 300_000 }, async () => {
        let writes = 1;
        let unknown = 0;
        for (; ; writes += 1) {
          const found = await dieAndRecover(stores, writes, death);
          expect({ writes, ...found }).toMatchObject({ writes, messages: 1, state: 'answered', runs: 2, open: 0 });
          expect(found.answer).toMatch(/^result: posted \((posted|Unknown)\), told yes$/);
          expect(found.effects).toBeLessThanOrEqual(1);
          // Done at most once; when nobody can know whether it was done, the answer says so.
          if (found.effects === 0 || found.answer.includes('Unknown')) {
            expect(found.answer).toContain('Unknown');
            unknown += 1;
          }
          if (!found.reached) break;
        }
        expect(writes).toBeGreaterThan(20);
        expect(unknown).toBeGreaterThan(0);
      });
    });
  });
});
