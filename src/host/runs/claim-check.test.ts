import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { SYSTEM_LABEL } from '../../protocol/label.ts';
import { createScriptedModel, type Script } from '../../testing/scripted-model.ts';
import { createTestCore, type TestCore } from '../../testing/test-core.ts';
import type { Tool } from '../tools/tool.ts';

const chat = { agentId: 'operator', channel: 'local', chatId: 'owner' };

const writeNote: Tool<{ path: string }> = {
  name: 'write_note',
  description: 'Writes a note.',
  input: z.strictObject({ path: z.string() }),
  risk: 'control',
  idempotent: true,
  parallel: false,
  execute: async ({ path }) => ({ status: 'ok', text: `Wrote ${path}.`, label: SYSTEM_LABEL }),
};

async function ask(world: TestCore, text: string) {
  const session = await world.core.sessions.active(chat);
  const { message } = await world.core.inbox.receive({
    channel: 'local',
    platformMessageId: undefined,
    session,
    principal: 'owner',
    text,
  });
  world.core.lanes.add(session.id, message.run_id);
  await world.core.manager.settled(message.run_id, AbortSignal.timeout(20_000));
  return await world.core.inbox.get(message.id);
}

const world = (script: Script) => createTestCore({ model: createScriptedModel(script), tools: [writeNote] });

const finished = async (core: TestCore['core'], runId: string) =>
  (await core.journal.read({ runId })).flatMap(({ event }) => (event.type === 'run.finished' ? [event] : []))[0];

describe('an answer that says what it did', () => {
  it('is linked to the effect that did it', async () => {
    await using made = await world((_request, n) =>
      n === 1 ? { calls: [{ tool: 'write_note', input: { path: 'notes/plan.md' } }] } : 'I saved notes/plan.md.',
    );
    const message = await ask(made, 'save the plan');
    expect(message.answer).toBe('I saved notes/plan.md.');
    const [claim] = (await finished(made.core, message.run_id))?.result.claims ?? [];
    expect(claim).toMatchObject({ text: 'I saved notes/plan.md', effectId: expect.stringMatching(/^eff_/) });
  });

  it('is asked once when nothing did it, and does it then', async () => {
    const seen: string[] = [];
    await using made = await world((request, n) => {
      const last = request.transcript.at(-1);
      if (last?.role === 'user') seen.push(last.text);
      if (n === 1) return 'I saved notes/plan.md.';
      return n === 2 ? { calls: [{ tool: 'write_note', input: { path: 'notes/plan.md' } }] } : 'I saved notes/plan.md.';
    });
    const message = await ask(made, 'save the plan');
    expect(seen[1]).toContain('No call of yours did that');
    expect(message.answer).toBe('I saved notes/plan.md.');
  });

  it('gets a visible mark when it insists, after one question and no more', async () => {
    const model = createScriptedModel(() => 'I sent the mail to Ada.');
    await using made = await createTestCore({ model, tools: [writeNote] });
    const message = await ask(made, 'send it');
    expect(model.requests).toHaveLength(2);
    expect(message.answer).toBe(
      'I sent the mail to Ada.\n\n⚠ Holdfast found no effect that did this: “I sent the mail to Ada”. Check before you rely on it.',
    );
    expect((await finished(made.core, message.run_id))?.result.claims).toEqual([
      { text: 'I sent the mail to Ada', effectId: null },
    ]);
  });

  it('may correct itself', async () => {
    await using made = await world((_request, n) =>
      n === 1 ? 'I sent the mail.' : 'Nothing was sent: I cannot send.',
    );
    expect((await ask(made, 'send it')).answer).toBe('Nothing was sent: I cannot send.');
  });

  it('may speak of what was done a turn before', async () => {
    await using made = await world((_request, n) =>
      n === 1 ? { calls: [{ tool: 'write_note', input: { path: 'plan.md' } }] } : 'I saved plan.md.',
    );
    await ask(made, 'save the plan');
    expect((await ask(made, 'did you save it?')).answer).toBe('I saved plan.md.');
  });

  it('that only talks costs nothing', async () => {
    const model = createScriptedModel(() => 'I wrote a short poem for you.');
    await using made = await createTestCore({ model });
    await ask(made, 'a poem');
    expect(model.requests).toHaveLength(1);
  });
});
