import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createScriptedModel } from '../../testing/scripted-model.ts';
import { createTestCore } from '../../testing/test-core.ts';

describe('what a person approved', () => {
  it('is not what runs when a link was turned elsewhere in between', async () => {
    const root = await mkdtemp(join(tmpdir(), 'holdfast-gate-'));
    await mkdir(join(root, 'shown'));
    await mkdir(join(root, 'other'));
    const link = join(root, 'link');
    await symlink(join(root, 'shown'), link);
    const model = createScriptedModel((request) => {
      const last = request.transcript.at(-1);
      if (last?.role === 'tool') return last.text;
      return {
        calls: [{ tool: 'spawn_worker', input: { template: 'writer', task: 'look', allowed_paths: [{ path: link }] } }],
      };
    });
    try {
      const home = join(root, 'home');
      await mkdir(home);
      const first = await createTestCore({ home, model });
      const session = await first.core.sessions.active({ agentId: 'operator', channel: 'local', chatId: 'owner' });
      const { message } = await first.core.inbox.receive({
        channel: 'local',
        platformMessageId: 'm',
        session,
        principal: 'owner',
        text: 'go',
      });
      first.core.lanes.add(session.id, message.run_id);
      const deadline = Date.now() + 10_000;
      let pending = await first.core.approvals.list('pending');
      while (pending.length === 0 && Date.now() < deadline) {
        await delay(5);
        pending = await first.core.approvals.list('pending');
      }
      expect(JSON.parse(pending[0]?.card ?? '').facts[0].value).toBe(join(root, 'shown'));
      // The host stops before the answer comes; whoever may write there turns the link while it is down.
      await first[Symbol.asyncDispose]();
      await rm(link);
      await symlink(join(root, 'other'), link);
      await using second = await createTestCore({ home, model });
      await second.core.approvals.decide(pending[0]?.id ?? '', 'allowed', { id: 'owner', surface: 'web' });
      await second.core.recover();
      await second.core.manager.settled(message.run_id, AbortSignal.timeout(10_000));
      expect((await second.core.inbox.get(message.id)).answer).toContain('has changed since the user approved');
      expect((await second.core.runs.list({ limit: 10 })).filter((run) => run.kind === 'worker')).toEqual([]);
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
});
