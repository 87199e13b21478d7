import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { homeAt, prepareHome } from '../../base/home.ts';
import { CreateAgent } from '../../protocol/agent.ts';
import { HoldfastConfig } from '../../protocol/config.ts';
import { createBubblewrap } from '../../sandbox/bubblewrap/bubblewrap.ts';
import { createFileBlobStore } from '../../storage/file-blob-store.ts';
import { noDoors } from '../../testing/no-doors.ts';
import { createScriptedModel } from '../../testing/scripted-model.ts';
import { createTestCore, type TestCore } from '../../testing/test-core.ts';
import { createRunSandboxes } from '../sandboxes/run-sandboxes.ts';
import { createRunCommand } from '../tools/run-command.ts';
import { purgeRemoved } from './purge.ts';

const OWNER = { id: 'owner', surface: 'cli' };

async function say({ core }: TestCore, agentId: string, text: string): Promise<string> {
  const session = await core.sessions.active({ agentId, channel: 'local', chatId: 'owner' });
  const inbound = { channel: 'local', platformMessageId: undefined, session, principal: 'owner', text };
  const { message } = await core.inbox.receive(inbound);
  core.lanes.add(session.id, message.run_id);
  await core.manager.settled(message.run_id, AbortSignal.timeout(20_000));
  return (await core.inbox.get(message.id)).answer ?? '';
}

it('an agent’s /data stays from run to run and over a restart, nobody else sees it, and it goes with the agent', async (context) => {
  await using stack = new AsyncDisposableStack();
  const root = await mkdtemp(join(tmpdir(), 'holdfast-volume-'));
  stack.defer(() => rm(root, { recursive: true, force: true }));
  const home = homeAt(root);
  await prepareHome(home);
  const launcher = stack.use(createBubblewrap({ home: root, scratch: home.run }));
  const probe = await launcher.probe(AbortSignal.timeout(20_000));
  if (!probe.available) return context.skip(`no sandbox: ${probe.reason}`);
  const { limits } = HoldfastConfig.parse({}).sandbox;
  const sandboxes = stack.use(createRunSandboxes({ launcher, probe, volumes: home.volumes, limits, doors: noDoors }));
  const blobs = await createFileBlobStore(home.blobs);
  // The model runs whatever it is told, and says what came out of it.
  const model = createScriptedModel(({ transcript }) => {
    const last = transcript.at(-1);
    return last?.role === 'tool'
      ? last.text
      : { calls: [{ tool: 'run_command', input: { command: last?.role === 'user' ? last.text : '' } }] };
  });
  const world = stack.use(await createTestCore({ model, sandboxes, home: root, tools: [createRunCommand({ blobs })] }));
  const { agents } = world.core;
  for (const id of ['scout', 'other']) await agents.create(CreateAgent.parse({ id, tools: ['run_command'] }), OWNER);

  await say(world, 'scout', 'echo kept > /data/note');
  await sandboxes.sweepVolumes(new Set());
  expect(await say(world, 'scout', 'cat /data/note')).toContain('kept');
  expect(await say(world, 'other', 'ls -A /data | wc -l')).toMatch(/\b0\b/);

  await agents.remove('scout', OWNER);
  const stop = new AbortController();
  const later = { ...systemClock, now: () => Date.now() + 3_600_000, sleep: async () => stop.abort() };
  await purgeRemoved(
    { ...world.core, sandboxes, clock: { ...later, sleep: () => Promise.reject(new Error('one look')) } },
    stop.signal,
  ).catch(() => {});
  await agents.undo('scout', 2, OWNER);
  expect(await say(world, 'scout', 'ls -A /data | wc -l')).toMatch(/\b0\b/);
});
