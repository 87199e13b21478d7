import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { createScriptedModel } from '../../src/testing/scripted-model.ts';
import { createTestCore } from '../../src/testing/test-core.ts';

/** The disk under the journal fills up: new messages are refused by name, what was accepted is kept, and space heals it. */
const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: tests/chaos/disk-full.test.ts mounts a small tmpfs, which needs root');

const chat = { agentId: 'operator', channel: 'local', chatId: 'owner' };

describe.skipIf(!isRoot)('a full disk', () => {
  it('is named, loses nothing and is over when there is space again', { timeout: 60_000 }, async () => {
    const home = await mkdtemp(join(tmpdir(), 'holdfast-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', home]);
    try {
      await using world = await createTestCore({ home, model: createScriptedModel(() => 'Hello.') });
      const session = await world.core.sessions.active(chat);
      const send = async (id: string) => {
        const { message } = await world.core.inbox.receive({
          channel: 'local',
          platformMessageId: id,
          session,
          principal: 'owner',
          text: 'x'.repeat(20_000),
        });
        world.core.lanes.add(session.id, message.run_id);
        await world.core.manager.settled(message.run_id, AbortSignal.timeout(10_000));
        return await world.core.inbox.get(message.id);
      };
      expect(await send('first')).toMatchObject({ state: 'answered' });
      const filler = join(home, 'filler');
      const { bavail, bsize } = await statfs(home);
      await writeFile(filler, Buffer.alloc(bavail * bsize));
      await expect(send('second')).rejects.toMatchObject({ code: 'storage.full' });
      await rm(filler);
      await expect
        .poll(async () => await send('second').catch((error: Error) => error.message), { timeout: 20_000 })
        .toMatchObject({ state: 'answered' });
      expect((await world.core.inbox.history(session.id, 10)).map((row) => row.state)).toEqual([
        'answered',
        'answered',
      ]);
    } finally {
      execFileSync('umount', ['-l', home]);
      await rm(home, { recursive: true, force: true });
    }
  });
});
