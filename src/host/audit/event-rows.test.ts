import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { SYSTEM_LABEL } from '../../protocol/label.ts';
import { readAll } from '../../storage/query.ts';
import { createScriptedModel } from '../../testing/scripted-model.ts';
import { createTestCore, type TestCore } from '../../testing/test-core.ts';
import type { Tool } from '../tools/tool.ts';
import type { AuditTable } from './tables.ts';

const CANARY = 'sk-canary-0123456789abcdef';

const rowsOf = (world: TestCore): Promise<AuditTable[]> =>
  readAll<AuditTable>(world.store, world.core.sql.selectFrom('audit').selectAll().orderBy('seq'));

function tool(during: () => Promise<void>): Tool<{ text: string }> {
  return {
    name: 'echo',
    description: 'Says it again.',
    input: z.strictObject({ text: z.string() }),
    risk: 'control',
    idempotent: false,
    parallel: false,
    async execute() {
      await during();
      return { status: 'ok', text: CANARY, label: SYSTEM_LABEL };
    },
  };
}

async function runOnce(world: TestCore): Promise<string> {
  const session = await world.core.sessions.active({ agentId: 'operator', channel: 'local', chatId: 'owner' });
  const { message } = await world.core.inbox.receive({
    channel: 'local',
    platformMessageId: 'm',
    session,
    principal: 'owner',
    text: CANARY,
  });
  world.core.lanes.add(session.id, message.run_id);
  await world.core.manager.settled(message.run_id, AbortSignal.timeout(20_000));
  return message.run_id;
}

const script = (calls: readonly string[]) =>
  createScriptedModel((request) =>
    request.transcript.at(-1)?.role === 'tool'
      ? 'done'
      : { calls: calls.map((name) => ({ tool: name, input: { text: CANARY } })) },
  );

describe('the audit rows of a run', () => {
  it('are committed before an effect is dispatched', async () => {
    const seen: (readonly unknown[])[] = [];
    const echo = tool(async () => {
      const rows = await rowsOf(world);
      seen.push(rows.filter((row) => row.action === 'effect.started').map((row) => [row.target, row.outcome]));
    });
    await using world = await createTestCore({ model: script(['echo']), tools: [echo] });
    await runOnce(world);
    expect(seen).toEqual([[['echo', 'started']]]);
  });

  it('say who did what for whom, and bind each call to its arguments', async () => {
    await using world = await createTestCore({ model: script(['echo']), tools: [tool(async () => {})] });
    const runId = await runOnce(world);
    const rows = await rowsOf(world);
    expect(rows.map((row) => row.action)).toEqual([
      'run.started',
      'model.called',
      'effect.started',
      'effect.finished',
      'model.called',
      'run.finished',
    ]);
    const effect = await world.store.read({ sql: 'SELECT args_hash FROM effects', parameters: [] });
    expect(rows[2]).toMatchObject({
      actor: 'agent:operator',
      principal: 'owner',
      run_id: runId,
      args_hash: effect[0]?.['args_hash'],
    });
    expect(rows[3]).toMatchObject({ outcome: 'ok', args_hash: effect[0]?.['args_hash'] });
  });

  it('hold nothing of what a person or a model wrote, nor of arguments and results', async () => {
    await using world = await createTestCore({ model: script(['echo']), tools: [tool(async () => {})] });
    await runOnce(world);
    expect(JSON.stringify(await rowsOf(world))).not.toContain('canary');
  });

  it('are absent when the unit of the event is refused', async () => {
    await using world = await createTestCore({ model: script([]), tools: [] });
    const impossible = { sql: 'UPDATE runs SET state = state WHERE id = ?', parameters: ['none'], expectRows: 1 };
    const event = { type: 'effect.started', effectId: 'eff_1', callId: 'c', tool: 'echo' } as const;
    await expect(world.core.journal.append([{ event }], [impossible])).rejects.toMatchObject({
      code: 'storage.guard-failed',
    });
    expect(await rowsOf(world)).toEqual([]);
  });

  it('cannot be left out: an event whose audit row cannot be written is not written either', async () => {
    await using world = await createTestCore({ model: script([]), tools: [] });
    await world.store.write([{ sql: 'ALTER TABLE audit RENAME TO audit_gone', parameters: [] }]);
    const event = { type: 'effect.started', effectId: 'eff_1', callId: 'c', tool: 'echo' } as const;
    await expect(world.core.journal.append([{ event }])).rejects.toThrow();
    expect(await world.core.journal.read({})).toEqual([]);
  });
});
